"""What tests of relays share: configuration, a port that records, relay and source by hand."""

from __future__ import annotations

from pathlib import Path

from agent.config.document import Timing
from agent.config.gate import LcusGate, LineGate, ModbusGate, RelaySection
from agent.gates.port import PortLostError
from agent.gates.relay import Answer

MS = 1_000_000
RELAY_TIMING = Timing(
    delay_ms=400.0,
    guard_ms=20.0,
    command_ms=20.0,
    frame_within_ms=15.0,
    min_pitch_ms=200.0,
    max_in_flight=8,
)
# For tests in real time on busy machines: what must be in time has 100 ms for it.
ROOMY_TIMING = RELAY_TIMING.model_copy(
    update={"delay_ms": 1000.0, "guard_ms": 100.0, "min_pitch_ms": 600.0}
)
ROOMY_PULSE = {"pulse_ms": 300, "reply_ms": 300.0}
_SECTIONS = {
    "modbus": ModbusGate,
    "lcus": LcusGate,
    "line": LineGate,
}


def section_for(driver: str, link: Path, **options: object) -> RelaySection:
    """Return the configuration of a relay on a port."""
    return _SECTIONS[driver](driver=driver, port=str(link), **options)


class RecordingPort:
    """Stands for the system calls under `line`: keeps every change of the line with its time."""

    def __init__(self, clock) -> None:
        self.name = "/dev/recording"
        self.is_open = False
        self.lost = False
        self.changes: list[tuple[int, bool]] = []
        self._clock = clock

    def open(self) -> None:
        """Open it, unless it is unplugged."""
        self._check()
        self.is_open = True

    def read(self) -> bytes:
        """Say nothing."""
        self._check()
        return b""

    def set_line(self, *, up: bool) -> None:
        """Keep the level."""
        self._check()
        self.changes.append((self._clock.now_ns(), up))

    def watch(self, poller) -> None:
        """Nothing ever comes."""

    def close(self) -> None:
        """Close it."""
        self.is_open = False

    def _check(self) -> None:
        if self.lost:
            raise PortLostError(f"{self.name} is gone")


class HandRelay:
    """A relay in virtual time, which obeys at once; a test can unplug it or spoil its answers."""

    name = "/dev/hand"

    def __init__(self, clock) -> None:
        self._clock = clock
        self._answers: list[Answer] = []
        self.is_open = False
        self.plugged = True
        self.answer: bool | None = True
        self.pulses: list[tuple[int, int, tuple[int, ...]]] = []
        self.rests: list[int] = []
        self.stall_ns = 0

    ready = property(lambda self: self.is_open)
    due_ns = property(lambda self: 0 if self._answers else None)

    def open(self, now_ns: int) -> None:
        """Open it and rest."""
        self._check()
        self.is_open = True
        self.rest(now_ns)

    def pulse(self, stroke, now_ns: int) -> None:
        """Keep the pulse."""
        self._check()
        self.pulses.append((now_ns, now_ns + stroke.length_ms * MS, stroke.parts))
        self._clock.advance(self.stall_ns)
        text = "" if self.answer else "spoilt"
        self._answers.append(Answer(stroke, self.answer, text))

    def rest(self, now_ns: int) -> None:
        """Keep the moment, and end a pulse that is on."""
        self._check()
        self.rests.append(now_ns)
        if self.pulses and self.pulses[-1][1] > now_ns:
            self.pulses[-1] = (self.pulses[-1][0], now_ns, self.pulses[-1][2])

    def serve(self, now_ns: int, quiet_from_ns) -> list[Answer]:
        """Answer."""
        self._check()
        answers, self._answers = self._answers, []
        return answers

    def watch(self, poller) -> None:
        """Nothing ever comes."""

    def close(self, *, lost: bool = False) -> None:
        """Close it."""
        if self.is_open and not lost:
            self.rest(self._clock.now_ns())
        self.is_open, self._answers = False, []

    def _check(self) -> None:
        if not self.plugged:
            raise PortLostError(f"{self.name} is gone")


class HandSource:
    """A trigger source that says what a test puts in."""

    due_ns = None

    def __init__(self) -> None:
        self.moments: list[int] = []
        self.is_open = False
        self.fault: Exception | None = None

    def open(self, now_ns: int) -> None:
        """Begin."""
        if self.fault:
            raise self.fault
        self.is_open = True

    def poll(self, now_ns: int) -> list[int]:
        """Return what has been put in."""
        if self.fault:
            raise self.fault
        moments, self.moments = self.moments, []
        return moments

    def watch(self, poller) -> None:
        """Nothing ever comes."""

    def close(self) -> None:
        """End."""
        self.is_open = False
