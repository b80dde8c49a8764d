"""The parts between photo-eye and gate, their windows, permissions and ends; pure.

The gate is at rest rejecting. It opens for one part, within that part's window, if a permission
for that very part came before the window; and it closes by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from agent.gates.codes import OutcomeKind, Refusal
from agent.gates.messages import Config, Pass

LIMIT = 4096
_NONE = OutcomeKind.NONE


@dataclass(slots=True)
class TrackedPart:
    """One part from its edge on. `barred` is the outcome it is bound to have, or NONE."""

    number: int
    tick: int
    start: int
    centre: int
    end: int
    barred: OutcomeKind = _NONE
    otherwise: OutcomeKind = OutcomeKind.REJECTED
    permitted: bool = False
    passed: bool = False
    done_tick: int | None = None

    @property
    def outcome(self) -> OutcomeKind:
        """Return what happened to the part, once it is done."""
        if self.passed:
            return OutcomeKind.PASSED
        return self.otherwise if self.barred is _NONE else self.barred


class Tracker:
    """Numbers the parts and drives the gate. Time only ever grows from call to call."""

    def __init__(self) -> None:
        self.config: Config | None = None
        self.count = 0
        self.overflow = False
        self._flight: deque[TrackedPart] = deque()
        self._open: TrackedPart | None = None
        self._newest: TrackedPart | None = None

    @property
    def open_for(self) -> int | None:
        """Return the number of the part that the gate is open for; None while it rejects."""
        return None if self._open is None else self._open.number

    @property
    def in_flight(self) -> int:
        """Return how many parts are between photo-eye and gate."""
        return len(self._flight)

    @property
    def live(self) -> bool:
        """Whether a part is in flight that can still be passed."""
        return any(part.barred is _NONE for part in self._flight)

    @property
    def deadline_us(self) -> int | None:
        """Return when `advance` has something to do."""
        if not self._flight:
            return None
        head = self._flight[0]
        return head.start if head.permitted and self._open is None else head.end

    def configure(self, config: Config, now_us: int) -> Sequence[TrackedPart]:
        """Take new windows from now on; returns the parts of the old ones, ended as rejected.

        Only legal while no part is `live`.
        """
        ended = list(self._flight)
        for part in ended:
            part.done_tick = now_us
        self._flight.clear()
        self._newest, self._open, self.overflow = None, None, False
        self.config = config
        return ended

    def arrive(self, now_us: int, barred: OutcomeKind, otherwise: OutcomeKind) -> TrackedPart:
        """Number a part that has met the photo-eye; one that has no place is done at once."""
        self.count += 1
        if self.config is None:
            part = TrackedPart(self.count, now_us, now_us, now_us, now_us, barred, otherwise)
            part.done_tick = now_us
            return part
        centre, guard = now_us + self.config.delay_us, self.config.guard_us
        span = (now_us, centre - guard, centre, centre + guard)
        part = TrackedPart(self.count, *span, barred, otherwise)
        self._keep_apart(part, now_us)
        if len(self._flight) < self.config.max_in_flight:
            self._flight.append(part)
        else:
            self.overflow = True
            part.done_tick = now_us
        if self.overflow:
            self.bar(OutcomeKind.FAULT, now_us + 1)
            part.barred = OutcomeKind.FAULT
        return part

    def permit(self, order: Pass, now_us: int) -> Refusal | None:
        """Grant a permission, or say why not. Granting it again changes nothing."""
        part = next((part for part in self._flight if part.number == order.part), None)
        if part is None:
            return Refusal.UNKNOWN_PART
        if part.barred is not _NONE:
            return Refusal.BARRED
        if part.permitted:
            return None
        if now_us >= part.start or now_us >= order.expiry:
            part.otherwise = OutcomeKind.LATE_REFUSED
            return Refusal.PAST_WINDOW if now_us >= part.start else Refusal.EXPIRED
        part.permitted = True
        return None

    def bar(self, outcome: OutcomeKind, from_us: int) -> None:
        """Bind all parts in flight to this outcome, those excepted that are bound already.

        The gate is shut from the tick `from_us` on: what the time brings about counts in its own
        tick, what a message or an edge does only in the next.
        """
        self._close(from_us)
        for part in self._flight:
            part.permitted = False
            if part.barred is _NONE:
                part.barred = outcome

    def drop(self, otherwise: OutcomeKind, from_us: int) -> None:
        """Take all permissions back; a new one may still be given in time. See `bar`."""
        self._close(from_us)
        for part in self._flight:
            part.permitted = False
            part.otherwise = otherwise

    def advance(self, now_us: int) -> Sequence[TrackedPart]:
        """Open and close the gate as its time has come; returns the parts that are done."""
        done: list[TrackedPart] = []
        while self._flight:
            head = self._flight[0]
            if now_us >= head.end:
                self._end(head, done)
            elif now_us >= head.start and head.permitted:
                self._open = head
                break
            else:
                break
        if self.overflow and self.config and 2 * len(self._flight) <= self.config.max_in_flight:
            self.overflow = False
        return done

    def _end(self, head: TrackedPart, done: list[TrackedPart]) -> None:
        # A permitted head whose whole window went by between two calls was open in it as well.
        if head.permitted:
            self._open = head
        self._close(head.end)
        head.done_tick = head.end
        self._flight.popleft()
        done.append(head)

    def _close(self, from_us: int) -> None:
        if self._open is not None:
            # The gate counts for the part if it was open at the moment the part was there.
            self._open.passed = from_us > self._open.centre
            self._open = None

    def _keep_apart(self, part: TrackedPart, now_us: int) -> None:
        """Reject both of two parts that are too close for one verdict each."""
        newest, self._newest = self._newest, part
        if newest is None or self.config is None:
            return
        if part.tick - newest.tick >= self.config.min_pitch_us:
            return
        if newest is self._open:
            self._close(now_us + 1)
        for each in (newest, part):
            each.permitted = False
            if each.barred is _NONE and each.done_tick is None:
                each.barred = OutcomeKind.TOO_CLOSE
