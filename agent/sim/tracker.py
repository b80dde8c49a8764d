"""The parts between photo-eye and gate, their windows, permissions and ends; pure.

The gate is at rest rejecting. It opens for one part, within that part's window, if a permission
for that very part came before the window; and it closes by itself. A window lies on the part's
way: in time, or in ticks of a belt that only ever goes forward.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from agent.gates.codes import OutcomeKind, Refusal
from agent.gates.messages import Belt, Config, Pass

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
    begun: bool = False
    passed: bool = False
    done_tick: int | None = None
    place: int = 0

    @property
    def outcome(self) -> OutcomeKind:
        """Return what happened to the part, once it is done."""
        if self.passed:
            return OutcomeKind.PASSED
        return self.otherwise if self.barred is _NONE else self.barred


class Tracker:
    """Numbers the parts and drives the gate. Time only ever grows from call to call.

    So does `place`, how far the belt has come; `here` is where it is now. Who knows them sets both.
    """

    def __init__(self) -> None:
        self.config: Config | None = None
        self.count = self.place = self.here = 0
        self.overflow = False
        self.same_place = False
        self.by_place = False
        self._watched: Belt | None = None  # a belt whose speed is watched while time decides
        self._delay = self._guard = 0
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
        return None if self.by_place else self._deadline

    @property
    def deadline_place(self) -> int | None:
        """Return at which place of the belt `advance` has something to do."""
        if self.by_place:
            return self._deadline
        if self._watched is None or not self._flight or not self._flight[0].permitted:
            return None
        first, _centre, last = self._places(self._flight[0], self._watched)
        if self.place >= last:
            return None  # it has left before its time: the time will tell
        return first if self.place < first else last

    @property
    def _deadline(self) -> int | None:
        if not self._flight:
            return None
        head = self._flight[0]
        return head.start if head.permitted and not head.begun else head.end

    def way(self, now_us: int) -> int:
        """Return how far everything has come by now, as windows are measured."""
        return self.place if self.by_place else now_us

    def move(self, place: int, here: int) -> None:
        """Take how far the belt has come, and where it is now."""
        self.place, self.here = place, min(place, here)

    def shut_from(self, now_us: int) -> int:
        """Return from where on a gate is shut that is shut now; see `bar`.

        On a belt that is where the belt is, not how far it has been: a part that went back through
        the open gate has yet to come, and comes to a gate that is shut.
        """
        return self.here + 1 if self.by_place else now_us

    def configure(self, config: Config, now_us: int) -> Sequence[TrackedPart]:
        """Take new windows from now on; returns the parts of the old ones, ended as rejected.

        Only legal while no part is `live`.
        """
        ended = list(self._flight)
        for part in ended:
            part.done_tick = now_us
        self._flight.clear()
        self._newest, self._open, self.overflow, self.same_place = None, None, False, False
        self.config, belt = config, config.belt
        self.by_place = config.by_place
        self._watched = None if config.by_place else belt
        self._delay, self._guard = config.delay_us, config.guard_us
        if belt is not None and config.by_place:
            self._delay, self._guard = belt.delay_ticks, belt.guard_ticks
        return ended

    def arrive(self, now_us: int, barred: OutcomeKind, otherwise: OutcomeKind) -> TrackedPart:
        """Number a part that has met the photo-eye; one that has no place is done at once."""
        self.count += 1
        way = self.way(now_us)
        centre = way + self._delay
        span = (centre - self._guard, centre, centre + self._guard)
        part = TrackedPart(self.count, now_us, *span, barred, otherwise, place=self.place)
        if self.config is None:
            part.done_tick = now_us
            return part
        from_way = self.shut_from(now_us + 1)
        self._keep_apart(part, from_way)
        if len(self._flight) < self.config.max_in_flight:
            self._flight.append(part)
        else:
            self.overflow = True
            part.done_tick = now_us
        if self.overflow:
            self.bar(OutcomeKind.FAULT, from_way)
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
        past = self.way(now_us) >= part.start
        if past or now_us >= order.expiry:
            part.otherwise = OutcomeKind.LATE_REFUSED
            return Refusal.PAST_WINDOW if past else Refusal.EXPIRED
        part.permitted = True
        return None

    def bar(self, outcome: OutcomeKind, from_way: int) -> None:
        """Bind all parts in flight to this outcome, those excepted that are bound already.

        A belt that comes to rest is slow at first; in the end it has stopped.
        The gate is shut from `from_way` on: what the time brings about counts in its own tick,
        what a message or an edge does only in the next.
        """
        self._close(from_way)
        for part in self._flight:
            part.permitted = False
            slowed = (part.barred, outcome) == (OutcomeKind.BELT_SPEED, OutcomeKind.BELT_STOP)
            if part.barred is _NONE or slowed:
                part.barred = outcome

    def drop(self, otherwise: OutcomeKind, from_way: int) -> None:
        """Take all permissions back; a new one may still be given in time. See `bar`."""
        self._close(from_way)
        for part in self._flight:
            part.permitted = False
            part.otherwise = otherwise

    def advance(self, now_us: int) -> Sequence[TrackedPart]:
        """Open and close the gate as its time has come; returns the parts that are done."""
        done: list[TrackedPart] = []
        way = self.way(now_us)
        while self._flight:
            head = self._flight[0]
            if way >= head.end:
                self._end(head, now_us, done)
            elif way < head.start or not head.permitted:
                break
            elif self._has_left(head):
                self._close(way)
                head.permitted = False
                head.barred = OutcomeKind.BELT_SPEED
            else:
                head.begun = True
                self._open = head if self._has_come(head) else None
                break
        if self.overflow and self.config and 2 * len(self._flight) <= self.config.max_in_flight:
            self.overflow = False
        return done

    def _end(self, head: TrackedPart, now_us: int, done: list[TrackedPart]) -> None:
        # A permitted head whose whole window went by between two calls was open in it as well,
        # unless nobody has seen where it was.
        if head.permitted and self._watched is None:
            self._open = head
        self._close(head.end)
        if head.permitted and not head.passed:
            head.barred = OutcomeKind.BELT_SPEED  # the belt has not brought it in its time
        head.done_tick = now_us if self.by_place else head.end
        self._flight.popleft()
        done.append(head)

    def _close(self, from_way: int) -> None:
        if self._open is not None:
            # The gate counts for the part if it was open at the moment the part was there.
            self._open.passed = from_way > self._open.centre
            if self._watched is not None:
                centre = self._places(self._open, self._watched)[1]
                self._open.passed = self.here >= centre
            self._open = None

    def _places(self, part: TrackedPart, belt: Belt) -> tuple[int, int, int]:
        """Return from where to where on the belt a part can be at the gate, and its middle."""
        centre = part.place + belt.delay_ticks
        return centre - belt.guard_ticks, centre, centre + belt.guard_ticks

    def _has_come(self, head: TrackedPart) -> bool:
        """Whether the belt can have brought a part whose time has come."""
        return self._watched is None or self.place >= self._places(head, self._watched)[0]

    def _has_left(self, head: TrackedPart) -> bool:
        """Whether the belt has taken it away already, or to where its gate cannot open any more."""
        if self._watched is None:
            return False
        _first, centre, last = self._places(head, self._watched)
        return self.place >= (last if head is self._open else centre + 1)

    def _keep_apart(self, part: TrackedPart, from_way: int) -> None:
        """Reject both of two parts that are too close for one verdict each.

        Two at one place of the belt: either nobody's part, or an encoder that has not counted.
        """
        newest, self._newest = self._newest, part
        self.same_place = False
        if newest is None or self.config is None or not self._too_close(newest, part, self.config):
            return
        belt = self.config.belt
        back = OutcomeKind.BELT_BACK in (newest.barred, part.barred)
        if belt is not None and self.by_place and not back:
            self.same_place = part.place - newest.place <= belt.back_ticks
        if self.same_place:
            self.bar(OutcomeKind.FAULT, from_way)
        if newest is self._open:
            self._close(from_way)
        for each in (newest, part):
            each.permitted = False
            if each.barred is _NONE and each.done_tick is None:
                each.barred = OutcomeKind.TOO_CLOSE

    def _too_close(self, newest: TrackedPart, part: TrackedPart, config: Config) -> bool:
        belt = config.belt
        on_belt = belt is not None and part.place - newest.place < belt.min_pitch_ticks
        return on_belt or not (self.by_place or part.tick - newest.tick >= config.min_pitch_us)
