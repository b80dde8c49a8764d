"""When a part meets the gate: windows, cut-offs, and the parts between camera and gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.config import document as config
from agent.records import Part, Reason, Trigger, Verdict, VerdictKind


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of a part's way from the photo-eye to the gate, in nanoseconds."""

    delay_ns: int
    guard_ns: int
    command_ns: int
    frame_within_ns: int
    min_pitch_ns: int
    max_in_flight: int
    by_place: bool = False

    @classmethod
    def from_config(cls, section: config.Timing, *, by_place: bool = False) -> Timing:
        """Return the times of a configuration; `by_place`: the shortest, of the fastest belt."""
        return cls(
            delay_ns=_ns(section.delay_ms),
            guard_ns=_ns(section.guard_ms),
            command_ns=_ns(section.command_ms),
            frame_within_ns=_ns(section.frame_within_ms),
            min_pitch_ns=_ns(section.min_pitch_ms),
            max_in_flight=section.max_in_flight,
            by_place=by_place,
        )

    def window(self, at_ns: int) -> tuple[int, int]:
        """Return from when to when the gate acts on a part that met the photo-eye at `at_ns`."""
        due_ns = at_ns + self.delay_ns
        return due_ns - self.guard_ns, due_ns + self.guard_ns

    def cutoff_ns(self, at_ns: int) -> int:
        """Return the first moment at which a verdict for this part is too late.

        Window start less the worst command time less the guard: a PASS sent before it reaches
        the controller before the window opens.
        """
        return at_ns + self.delay_ns - 2 * self.guard_ns - self.command_ns


def _ns(milliseconds: float) -> int:
    return round(milliseconds * 1e6)


@dataclass(slots=True)
class Flight:
    """One part between camera and gate, as the gate lane knows it."""

    part: Part
    spoiled: Reason = Reason.NONE
    verdict: Verdict | None = None
    allowed: bool = False
    outcome_due_ns: int = field(default=0)


class InFlight:
    """The parts between camera and gate, in the order of the belt, at most `max_in_flight`.

    A belt that is followed by its place may stand for as long as it likes: then outcomes are
    waited for while the gate is `in_touch`.
    """

    def __init__(self, timing: Timing, outcome_grace_ns: int = 1_000_000_000) -> None:
        self._timing = timing
        self._grace_ns = outcome_grace_ns
        self._flights: dict[tuple[int, int], Flight] = {}
        self._latest: Flight | None = None
        self.in_touch = True

    def __len__(self) -> int:
        return len(self._flights)

    def add(self, part: Part) -> tuple[Flight, Flight | None]:
        """Take in a part; returns its flight and the one before it, if that is too close.

        Two parts closer than the smallest pitch share a window: both are marked as spoiled.
        """
        flight = Flight(part)
        flight.outcome_due_ns = self._timing.window(part.trigger.at_ns)[1] + self._grace_ns
        before = self._latest
        self._latest = flight
        close = before is not None and self._too_close(before.part.trigger, part.trigger)
        if close and before is not None:
            before.spoiled = flight.spoiled = Reason.TOO_CLOSE
        if len(self._flights) >= self._timing.max_in_flight:
            flight.spoiled = Reason.OVERLOAD
        self._flights[part.trigger.boot, part.trigger.part] = flight
        return flight, before if close else None

    def find(self, boot: int, part: int) -> Flight | None:
        """Return the flight of a part, by the controller's count."""
        return self._flights.get((boot, part))

    def remove(self, boot: int, part: int) -> Flight | None:
        """Forget a part: its outcome is known."""
        return self._flights.pop((boot, part), None)

    def overdue(self, now_ns: int) -> list[Flight]:
        """Return the parts whose outcome should have been reported by now."""
        late = []
        for flight in self._flights.values():
            if flight.outcome_due_ns > now_ns:
                break
            if not self._may_stand(flight.part.trigger):
                late.append(flight)
        return late

    def __iter__(self) -> Iterator[Flight]:
        return iter(list(self._flights.values()))

    def _may_stand(self, trigger: Trigger) -> bool:
        """Whether the controller may still have that part between photo-eye and gate."""
        if not (self._timing.by_place and self.in_touch) or self._latest is None:
            return False
        newest = self._latest.part.trigger
        behind = newest.part - trigger.part
        return trigger.boot == newest.boot and behind <= self._timing.max_in_flight

    def _too_close(self, before: Trigger, trigger: Trigger) -> bool:
        # A trigger that the controller repeats after a break may be older than the one before it.
        same_boot = before.boot == trigger.boot
        return same_boot and abs(trigger.at_ns - before.at_ns) < self._timing.min_pitch_ns


def settle(verdict: Verdict, flight: Flight, timing: Timing, now_ns: int) -> Verdict:
    """Return what a verdict is worth for its part at this moment.

    A spoiled part, or one past its cut-off, is UNINSPECTED whatever the model says; score and
    times stay for the engineer. What was not inspected keeps its own reason.
    """
    if verdict.kind is VerdictKind.UNINSPECTED:
        return verdict
    reason = flight.spoiled
    if reason is Reason.NONE and now_ns >= timing.cutoff_ns(flight.part.trigger.at_ns):
        reason = Reason.LATE
    return verdict if reason is Reason.NONE else uninspected(verdict, reason)


def uninspected(verdict: Verdict, reason: Reason) -> Verdict:
    """Return the verdict as UNINSPECTED, with its score and times kept."""
    return Verdict(
        part=verdict.part,
        kind=VerdictKind.UNINSPECTED,
        reason=reason,
        score=verdict.score,
        model=verdict.model,
        frame_ns=verdict.frame_ns,
        ready_ns=verdict.ready_ns,
        judged_ns=verdict.judged_ns,
        prepare_us=verdict.prepare_us,
        invoke_us=verdict.invoke_us,
    )
