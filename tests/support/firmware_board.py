"""The firmware under MicroPython in the place of `agent.sim.firmware.Firmware`, order by order."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = ROOT / "deploy" / "firmware"
PROGRAM = Path(__file__).with_name("micropython_board.py")
VECTORS = Path(__file__).with_name("micropython_vectors.py")
_BESIDE = str(Path(sys.executable).parent)
MICROPYTHON = shutil.which("micropython") or shutil.which("micropython", path=_BESIDE)
needs_micropython = pytest.mark.skipif(
    MICROPYTHON is None, reason="skipped: needs `micropython`, the unix port of MicroPython"
)
# What a Pico has for all of this, and there every pointer takes half the room.
PICO_HEAP = ("-X", "heapsize=190k")
_ORDER = struct.Struct("<BQH")
_ANSWER = struct.Struct("<IBBIQQqIIIH")
_FAR = 2**63
_COUNTER = 2**30 - 1


def run_vectors(lines: list[str]) -> list[str]:
    """Let one MicroPython process answer all lines."""
    done = subprocess.run(
        [MICROPYTHON, str(VECTORS), str(FIRMWARE)],
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return done.stdout.splitlines()


class Interpreter:
    """A MicroPython process with the firmware loaded; ends with the `with` block."""

    def __enter__(self) -> Interpreter:
        self.process = subprocess.Popen(
            [MICROPYTHON, *PICO_HEAP, str(PROGRAM), str(FIRMWARE)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()

    def ask(self, letter: str, tick: int, count: int = 0, data: bytes = b""):
        """Give one order; returns the answer's fields and bytes."""
        self.process.stdin.write(_ORDER.pack(ord(letter), tick, count) + data)
        self.process.stdin.flush()
        head = self.process.stdout.read(_ANSWER.size)
        assert len(head) == _ANSWER.size, "the firmware has ended; standard error says why"
        *fields, length = _ANSWER.unpack(head)
        return fields, self.process.stdout.read(length)


class BoardFirmware:
    """One life of the firmware, with the methods of the model and a tick of its own to begin at.

    The board's loop answers at once; what it said waits here until `output` is called.
    """

    interpreter: Interpreter

    def __init__(
        self,
        boot: int,
        now_us: int,
        channels: int = 2,
        wiring: int = 0,
        interpreter=None,
        *,
        can_stop: bool = True,
    ) -> None:
        self.boot = boot
        self._interpreter = interpreter or self.interpreter
        self._said = b""
        # A board's counter begins in its 30 bits; the caller's ticks may be further on.
        self._base = now_us & ~_COUNTER
        self._tracker = SimpleNamespace(overflow=False)
        self._order("B", now_us, 7, struct.pack("<IBBB", boot, wiring, channels, can_stop))

    @property
    def open_for(self):
        """Return the part that the gate's pin is open for."""
        return self._open or None

    def eye(self, now_us: int, *, covered: bool):
        """Let the photo-eye's interrupt happen; returns the number of a new part."""
        self._order("E", now_us, int(covered))
        return self._part or None

    def second_eye(self, now_us: int, *, covered: bool) -> None:
        """Let the interrupt of the photo-eye behind the gate happen."""
        self._order("E", now_us, 3 if covered else 2)

    def belt(self, now_us: int, count: int) -> None:
        """Let the encoder count up to there, step by step, at this moment."""
        self._order("N", now_us, 8, struct.pack("<q", count))

    def glance(self, count: int) -> None:
        """Let the encoder's interrupts count up to there while the main loop stands still."""
        self._order("C", self._now_us, 8, struct.pack("<q", count))

    def lose_edges(self) -> None:
        """Let both channels of the encoder change at once."""
        self._order("L", self._now_us)

    def wind(self, count: int) -> None:
        """Let the encoder have counted so much since power-up, before anybody asked."""
        self._order("W", self._now_us, 8, struct.pack("<q", count))

    def advance(self, now_us: int) -> None:
        """Let time pass; no order is given where the board's own loop would find nothing due."""
        dues = [self.output_due_us, 2**62 if self.deadline_us is None else self.deadline_us]
        if not self._now_us <= now_us < min(dues):
            self._order("A", now_us)

    def receive(self, data: bytes, now_us: int) -> None:
        """Put bytes on the line."""
        self.advance(now_us)
        for at in range(0, len(data), 50_000):
            piece = data[at : at + 50_000]
            self._order("D", now_us, len(piece), piece)

    def output(self, now_us: int) -> bytes:
        """Return what the board has said so far."""
        self.advance(now_us)
        said, self._said = self._said, b""
        return said

    def interrupt(self, now_us: int, *, covered: bool) -> None:
        """Let the photo-eye's interrupt happen; the main loop finds its edge later."""
        before_us = self._now_us
        self._order("I", now_us, int(covered))
        self._now_us = before_us

    def stall(self, until_us: int) -> None:
        """Let only the timer's interrupt run until then: the main loop stands still."""
        self._order("S", until_us)

    def collect(self) -> int:
        """Collect rubbish and return the bytes in use."""
        self._order("G", self._now_us)
        return self.memory

    def _order(self, letter: str, now_us: int, count: int = 0, data: bytes = b"") -> None:
        self._now_us = now_us
        fields, said = self._interpreter.ask(letter, now_us - self._base, count, data)
        self._said += said
        self._open, powered, overflow, self._part, deadline, output, ticks, *counts = fields
        self.ticks_to_go = None if ticks == _FAR - 1 else ticks
        self.energised, self.may_run = bool(powered & 1), bool(powered & 2)
        self._tracker.overflow = bool(overflow)
        self.deadline_us = None if deadline == _FAR else deadline + self._base
        self.output_due_us = 2**62 if output == _FAR else output + self._base
        self.refused, self.lost, self.memory = counts
