"""The simulated belt as it physically is: who met the eye, who met the gate, open or not; pure.

The witness knows the controller only from outside: it covers the photo-eye and looks at the gate.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

from agent.sim.belt import Belt
from agent.sim.firmware import Firmware
from agent.sim.oscillator import Oscillator

# How long a part covers the photo-eye, at most.
COVER_NS = 1_000_000


@dataclass(frozen=True, slots=True)
class Met:
    """What happened to one part of the belt when it was at the gate."""

    belt_part: int
    arrival_ns: int
    part: int | None
    boot: int
    at_gate_ns: int
    opened_for: int | None
    passed: bool

    def as_record(self) -> dict[str, object]:
        """Return the line of the belt's record."""
        return {
            "belt_part": self.belt_part,
            "arrival_ns": self.arrival_ns,
            "part": self.part,
            "boot": self.boot,
            "at_gate_ns": self.at_gate_ns,
            "physically": "passed" if self.passed else "diverted",
            "opened_for": self.opened_for,
        }


@dataclass(frozen=True, slots=True)
class BehindGate:
    """What is behind the gate: a second photo-eye, if any, and a flap that may not obey."""

    eye: Literal["none", "bin", "passed"] = "none"
    eye_ns: int = 0
    flap: Literal["sound", "stuck_shut", "stuck_open"] = "sound"

    def passes(self, opened_for: int | None) -> bool:
        """Return where a part really goes."""
        return self.flap == "stuck_open" or (self.flap == "sound" and opened_for is not None)


SOUND = BehindGate()


@dataclass(slots=True)
class _OnTheWay:
    belt_part: int
    arrival_ns: int
    part: int | None
    boot: int


class Witness:
    """Moves belt and controller forward together, each event at its own exact moment.

    However late it is called, the past comes out as it would have in real time; only what the
    host said is heard late.
    """

    def __init__(
        self,
        belt: Belt,
        delay_ns: int,
        clock: Oscillator,
        now_ns: int,
        behind: BehindGate = SOUND,
    ) -> None:
        self._belt = belt
        self._behind = behind
        self._sights: deque[tuple[int, bool]] = deque()
        self._delay_ns = delay_ns
        self._clock = clock
        latest = belt.latest_part(now_ns)
        self._next = 0 if latest is None else latest + 1
        self._arrival_ns = self._arrival()
        self._cover_ns = min(COVER_NS, belt.pitch_ns // 8)
        self._uncover_ns: int | None = None
        self._way: deque[_OnTheWay] = deque()

    @property
    def over(self) -> bool:
        """Whether the belt has ended and is empty."""
        return self._arrival_ns is None and not self._way

    def due_ns(self, firmware: Firmware) -> int | None:
        """Return the moment of the next event; None when nothing will happen any more."""
        deadline_us = firmware.deadline_us
        dues = [
            self._arrival_ns,
            self._uncover_ns,
            self._way[0].arrival_ns + self._delay_ns if self._way else None,
            self._sights[0][0] if self._sights else None,
            None if deadline_us is None else self._clock.reached_ns(deadline_us),
        ]
        return min((due for due in dues if due is not None), default=None)

    def run(self, firmware: Firmware, now_ns: int) -> list[Met]:
        """Let everything happen that is due by now; returns the parts that met the gate."""
        met: list[Met] = []
        while (due_ns := self.due_ns(firmware)) is not None and due_ns <= now_ns:
            firmware.advance(self._clock.tick(due_ns))
            if self._way and due_ns >= self._way[0].arrival_ns + self._delay_ns:
                met.append(self._meet_gate(firmware))
            if self._sights and due_ns >= self._sights[0][0]:
                _, covered = self._sights.popleft()
                firmware.second_eye(self._clock.tick(due_ns), covered=covered)
            if self._uncover_ns is not None and due_ns >= self._uncover_ns:
                self._uncover_ns = None
                firmware.eye(self._clock.tick(due_ns), covered=False)
            if self._arrival_ns is not None and due_ns >= self._arrival_ns:
                self._meet_eye(firmware, self._arrival_ns)
        return met

    def _arrival(self) -> int | None:
        if self._belt.parts is not None and self._next >= self._belt.parts:
            return None
        return self._belt.arrival_ns(self._next)

    def _meet_eye(self, firmware: Firmware, now_ns: int) -> None:
        number = firmware.eye(self._clock.tick(now_ns), covered=True)
        self._way.append(_OnTheWay(self._next, now_ns, number, firmware.boot))
        self._next += 1
        self._arrival_ns = self._arrival()
        self._uncover_ns = now_ns + self._cover_ns

    def abandon(self) -> list[Met]:
        """Let the power go: parts still on the way meet a gate at rest."""
        left = [
            Met(
                one.belt_part,
                one.arrival_ns,
                one.part,
                one.boot,
                self._gate_ns(one),
                None,
                self._behind.passes(None),
            )
            for one in self._way
        ]
        self._way.clear()
        return left

    def _gate_ns(self, part: _OnTheWay) -> int:
        return part.arrival_ns + self._delay_ns

    def _meet_gate(self, firmware: Firmware) -> Met:
        part = self._way.popleft()
        at_gate_ns = self._gate_ns(part)
        numbers = (part.belt_part, part.arrival_ns, part.part, part.boot)
        passed = self._behind.passes(firmware.open_for)
        if self._behind.eye == ("passed" if passed else "bin"):
            seen_ns = at_gate_ns + self._behind.eye_ns
            self._sights += [(seen_ns, True), (seen_ns + self._cover_ns, False)]
        return Met(*numbers, at_gate_ns, firmware.open_for, passed)
