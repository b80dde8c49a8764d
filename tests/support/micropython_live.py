"""Runs under MicroPython: `main.run` as on the board, in real time, on standard input and output.

The belt is played as an interrupt would: a part every so many microseconds, the first one two
seconds after the host's first byte. Each change of the gate's output is a line in the record: the
counter and the level.
"""

import sys
import time

sys.path.insert(0, sys.argv[1])

from clock import MASK
from line_usb import UsbLine
from ring import EdgeRing

COVER_US = 1_000
FIRST_US = 2_000_000
# How long after power-up the counter wraps.
WRAP_US = 3_000_000


class EndError(Exception):
    """The host has taken its end of the cable away."""


class Live:
    """What `pins.Board` is on the Pico, with a belt of its own."""

    def __init__(self):
        self.edges = EdgeRing()
        self.encoder = self.put_run = None
        self.line = UsbLine()
        self.any, self.write = self.line.any, self.line.write
        self.gate = None
        self.level = None
        self.record = open(sys.argv[2], "w")
        self.covered = False
        self.begin = time.ticks_us()
        self.heard = None
        self.next = FIRST_US
        self.pitch, self.left = int(sys.argv[3]), int(sys.argv[4])

    def ticks_us(self):
        """Return the counter."""
        return (self.since(self.begin) + MASK + 1 - WRAP_US) & MASK

    def boot_number(self):
        """Return a number that is not random."""
        return 0x0B0A_2D01

    def put_gate(self, energised):
        """Note a change of the output."""
        if energised != self.level:
            self.level = energised
            self.record.write(f"{self.ticks_us()} {int(energised)}\n")
            self.record.flush()

    def start(self, gate):
        """Begin; by now the output must be at rest."""
        if self.level is not False:
            raise EndError
        self.gate = gate

    def feed(self):
        """Play the interrupts, once each turn of the loop."""
        time.sleep_us(200)
        if self.heard is not None and self.left and self.since(self.heard) >= self.next:
            self.covered = not self.covered
            self.edges.put(self.ticks_us(), self.covered)
            self.next += COVER_US if self.covered else self.pitch - COVER_US
            self.left -= 0 if self.covered else 1
        self.gate.check(self.ticks_us())

    def read(self):
        """Return what has come; a line that is gone ends the program."""
        try:
            data = self.line.read()
        except OSError as error:
            raise EndError from error
        if data and self.heard is None:
            self.heard = time.ticks_us()
        return data

    @staticmethod
    def since(moment):
        """Return the microseconds since a moment of the machine's own counter."""
        return time.ticks_diff(time.ticks_us(), moment)

    def make_safe(self):
        """Note the end."""
        self.put_gate(False)
        self.record.write("safe\n")
        self.record.close()


class Pins:
    """Stands in the place of the module `pins`."""

    open_board = Live


sys.modules["pins"] = Pins
import main

try:
    main.run()
except EndError:
    sys.exit(0)
