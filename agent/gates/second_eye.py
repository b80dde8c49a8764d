"""Compares what a second photo-eye saw with what the gate says it did; pure, in ticks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent.gates.codes import OutcomeKind
from agent.records import DISAGREES, GateNotice

# A sighting is repeated on the line for a second at most; then it is not coming any more.
GRACE_US = 1_200_000
_STRAYS_EVERY_US = 1_000_000
_MAX_PARTS = 8192
_MAX_MISSING = 64
# What became of the others is not sure enough to accuse a gate by.
_SURE = frozenset(
    {
        OutcomeKind.PASSED,
        OutcomeKind.REJECTED,
        OutcomeKind.LATE_REFUSED,
        OutcomeKind.NO_HEARTBEAT,
        OutcomeKind.FAULT,
    }
)
_SENTENCES = {
    ("bin", False): "was to be diverted and was not seen in the bin",
    ("bin", True): "was let through and was seen in the bin",
    ("passed", False): "was to be diverted and was seen among the parts let through",
    ("passed", True): "was let through and was not seen behind the gate",
}


@dataclass(frozen=True, slots=True)
class EyeTerms:
    """Where the second photo-eye looks, and when a part is there: microseconds after its edge."""

    place: Literal["bin", "passed"]
    after_us: int
    guard_us: int


@dataclass(slots=True)
class _Watched:
    """One part on its way to the second photo-eye."""

    tick: int
    kind: OutcomeKind | None = None
    seen: bool = False


class SecondEye:
    """One conversation's watch. `terms` None: there is no second photo-eye, and nothing is said.

    A part is judged once its outcome is known and its time at the eye is over. Where sightings
    were lost on the line, or parts were too close, no part is accused.
    """

    def __init__(self, terms: EyeTerms | None) -> None:
        self._terms = terms
        self._parts: dict[int, _Watched] = {}
        self._count: int | None = None
        self._missing: dict[int, int] = {}  # number -> when its lack was noticed
        self._first_tick: int | None = None
        self._strays = 0
        self._stray_tick = 0
        self._notices: list[GateNotice] = []

    def void(self) -> None:
        """Forget everything: the controller is another one."""
        self._parts.clear()
        self._missing.clear()
        self._count = self._first_tick = None

    def trigger(self, part: int, tick: int) -> None:
        """Watch a part from its edge on."""
        if self._terms is None:
            return
        if self._first_tick is None:
            self._first_tick = tick
        if len(self._parts) >= _MAX_PARTS:
            del self._parts[next(iter(self._parts))]
        self._parts[part] = _Watched(tick)

    def outcome(self, part: int, kind: OutcomeKind) -> None:
        """Learn what the gate says it did."""
        watched = self._parts.get(part)
        if watched is None:
            return
        if kind in _SURE:
            watched.kind = kind
        else:
            del self._parts[part]

    def seen(self, count: int, tick: int) -> None:
        """Learn of the eye's edge number `count`."""
        terms = self._terms
        if terms is None:
            return
        self._note_count(count, tick)
        at = tick - terms.after_us
        nearest = min(self._parts.values(), key=lambda one: abs(one.tick - at), default=None)
        if nearest is not None and abs(nearest.tick - at) <= terms.guard_us:
            nearest.seen = True
        elif self._first_tick is not None and at > self._first_tick:
            self._strays += 1

    def advance(self, tick: int) -> list[GateNotice]:
        """Return what is to be said by now."""
        terms = self._terms
        if terms is None:
            return []
        over_us = terms.after_us + terms.guard_us + GRACE_US
        for part, watched in list(self._parts.items()):
            if watched.tick + over_us > tick:
                break
            del self._parts[part]
            self._judge(part, watched, terms)
        if self._strays and tick >= self._stray_tick:
            self._stray_tick = tick + _STRAYS_EVERY_US
            text = f"the second photo-eye saw {self._strays} things that no part accounts for"
            self._strays = 0
            self._notices.append(GateNotice("gate_stray", text))
        notices, self._notices = self._notices, []
        return notices

    def _judge(self, part: int, watched: _Watched, terms: EyeTerms) -> None:
        if watched.kind is None:
            return  # its outcome is not known
        passed = watched.kind is OutcomeKind.PASSED
        wanted = passed is (terms.place == "passed")
        excused = wanted and self._may_be_lost(watched.tick + terms.after_us - terms.guard_us)
        if watched.seen is not wanted and not excused:
            text = f"part {part} {_SENTENCES[terms.place, passed]}: find it, and call maintenance"
            self._notices.append(GateNotice(DISAGREES, text))

    def _note_count(self, count: int, tick: int) -> None:
        """Note which sightings are missing before this one; a late one is missing no more."""
        before = self._count
        if before is not None and count <= before:
            self._missing.pop(count, None)
            return
        if before is not None:
            for number in range(before + 1, min(count, before + 1 + _MAX_MISSING)):
                self._missing[number] = tick
        while len(self._missing) > _MAX_MISSING:
            del self._missing[next(iter(self._missing))]
        self._count = count

    def _may_be_lost(self, from_tick: int) -> bool:
        """Whether a sighting from this tick on may be one that never came."""
        return any(tick >= from_tick for tick in self._missing.values())
