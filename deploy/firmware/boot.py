"""Runs before all else: the gate's pin is an output at rest before any other code is loaded."""

import settings
from machine import Pin

# The level and the direction are set in one step, so that the pin is never driven the other way.
Pin(settings.GATE_PIN, Pin.OUT, value=int((settings.WIRING == 1) != settings.GATE_ACTIVE_LOW))
