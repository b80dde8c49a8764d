"""The connection to the plant's MQTT broker."""
