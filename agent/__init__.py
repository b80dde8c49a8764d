"""The agent on the device: camera to verdict to gate to ledger to MQTT."""
