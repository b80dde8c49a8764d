"""Runs under MicroPython: a `machine` that only notes what it is told, in the real one's place."""

import sys

import micropython

NOTES = []


class Pin:
    """A pin that notes how it is made and what it is told."""

    IN, OUT, PULL_UP, IRQ_RISING, IRQ_FALLING = "in", "out", "up", 1, 2

    def __init__(self, number, mode=None, pull=None, value=None):
        self.number = number
        NOTES.append(("pin", number, mode, value))
        if value is not None:
            Pin.levels[number] = value

    def value(self, level=None):
        if level is None:
            return Pin.levels.get(self.number, 1)
        Pin.levels[self.number] = int(level)
        return None

    def irq(self, handler, trigger, hard=False):
        NOTES.append(("irq", self.number, hard))
        Pin.levels[("irq", self.number)] = handler


Pin.levels = {}


class Timer:
    """A timer that notes its frequency."""

    callback = None

    def init(self, freq, callback, hard):
        NOTES.append(("timer", freq, hard))
        Timer.callback = callback

    def deinit(self):
        NOTES.append(("timer off",))


class UART:
    """A port with room for ten bytes."""

    def __init__(self, number, baud, **options):
        NOTES.append(("uart", number, baud, options["timeout"]))
        self.coming, self.went = bytes(range(200)), b""

    def any(self):
        return len(self.coming)

    def read(self, count):
        data, self.coming = self.coming[:count], self.coming[count:]
        return data or None

    def write(self, data):
        taken = bytes(data[: 10 - len(self.went)])
        self.went += taken
        return len(taken) or None


class WDT:
    """A watchdog that counts."""

    fed = 0

    def __init__(self, timeout):
        NOTES.append(("watchdog", timeout))

    def feed(self):
        WDT.fed += 1


class Machine:
    """Stands in the place of the module `machine`."""


class MicroPython:
    """Stands in the place of the module `micropython`, which has less on unix than on the board."""

    const = micropython.const

    @staticmethod
    def alloc_emergency_exception_buf(_size):
        NOTES.append(("emergency buffer",))


sys.modules["micropython"] = MicroPython
Machine.Pin, Machine.Timer, Machine.WDT, Machine.UART = Pin, Timer, WDT, UART
sys.modules["machine"] = Machine


def without_memory(action):
    """Run something that must allocate nothing; an allocation raises MemoryError."""
    micropython.heap_lock()
    try:
        action()
    finally:
        micropython.heap_unlock()
