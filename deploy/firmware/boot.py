"""Runs before all else: the gate is at rest, and the belt stands, before other code is loaded."""

import gc

import settings
from machine import Pin

# The level and the direction are set in one step, so that the pin is never driven the other way.
Pin(settings.GATE_PIN, Pin.OUT, value=int((settings.WIRING == 1) != settings.GATE_ACTIVE_LOW))

if settings.RUN_PIN is not None:
    Pin(settings.RUN_PIN, Pin.OUT, value=int(settings.RUN_ACTIVE_LOW))

# What loading the program leaves behind is collected at once, so that what stays lies together and
# the large arrays find room behind it. The main loop collects at moments of its own.
gc.threshold(4_096)
