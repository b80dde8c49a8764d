"""Flashing and the board's upkeep, on the device."""
