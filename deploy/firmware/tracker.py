"""The parts between photo-eye and gate, their windows, permissions and ends.

All parts live in fixed arrays, a slot each: number & MASK. `agent/sim/tracker.py` is the model.
"""

from array import array

import messages
from flight import Flight
from micropython import const

# Parts whose reports are kept: a power of two.
SLOTS = const(1024)
_MASK = const(1023)


class Tracker:
    """Numbers the parts and decides what the gate does. Time only ever grows from call to call.

    So does `place`, how far the belt has come; `here` is where it is now. Who knows them sets both.
    A window lies on the part's way, which is time, or ticks of the belt.
    `reports` is told of each part that is done, `gate` whether it was open at a part's centre.
    """

    def __init__(self, reports, gate) -> None:
        self.config = None
        self.count = 0
        self.place = self.here = 0
        self.overflow = self.same_place = self.by_place = False
        self._belt = None
        self._delay = self._guard = 0
        self.ticks = array("Q", [0] * SLOTS)
        # Until a part is done this is its place on the belt.
        self.done_ticks = array("Q", [0] * SLOTS)
        self.numbers = array("I", [0] * SLOTS)
        self.barred = bytearray(SLOTS)
        self.outcomes = bytearray(SLOTS)
        self._otherwise = bytearray(SLOTS)
        self._permitted = bytearray(SLOTS)
        self._passed = bytearray(SLOTS)
        self._reports = reports
        self._gate = gate
        self.flight = Flight()
        self._open = self._begun = 0
        self._newest = self._newest_place = 0

    def live(self) -> bool:
        """Return whether a part is in flight that can still be passed."""
        return any(not self.barred[self._slot(at)] for at in range(self.flight.count))

    def deadline_us(self) -> "int | None":
        """Return when `advance` has something to do."""
        return None if self.by_place else self._deadline()

    def deadline_place(self) -> "int | None":
        """Return at which place of the belt `advance` has something to do."""
        if self.by_place:
            return self._deadline()
        if self._belt is None or not self.next_permitted():
            return None
        first, span = self.belt_window()
        if self.place >= first + span:
            return None  # it has left before its time: the time will tell
        return first if self.place < first else first + span

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

    def _deadline(self) -> "int | None":
        if not self.flight.count:
            return None
        start, _centre, end = self.window()
        permitted = self.next_permitted()
        return start if permitted and permitted != self._begun else end

    def next_permitted(self) -> int:
        """Return the number of the next part at the gate if it may pass, else 0."""
        if not self.flight.count or not self._permitted[self._slot(0)]:
            return 0
        return self.flight.at(0)

    def window(self) -> "tuple[int, int, int]":
        """Return first tick, centre and first excluded tick of the next part at the gate."""
        centre = self._centre(self._slot(0))
        return centre - self._guard, centre, centre + self._guard

    def belt_window(self) -> "tuple[int, int]":
        """Return from which place on, and over how many ticks, the next part can be at the gate."""
        _mode, delay, guard, _pitch, _speed, _tolerance = self._belt
        return self.done_ticks[self._slot(0)] + delay - guard, 2 * guard

    def configure(self, config: tuple, now_us: int) -> None:
        """Take new windows from now on; the parts of the old ones end. Only legal if not `live`."""
        while self.flight.count:
            self._done(self.flight.pop() & _MASK, now_us)
        self._newest = self._open = self._begun = 0
        self._gate.shut()
        self.overflow = self.same_place = False
        self.config = config
        belt = self._belt = messages.belt_of(config)
        self.by_place = belt is not None and belt[0] == messages.TICKS
        self._delay, self._guard = belt[1:3] if self.by_place else config[:2]
        self._gate.follows = belt is not None

    def arrive(self, now_us: int, barred: int, otherwise: int) -> int:
        """Number a part that has met the photo-eye; one that has no place is done at once."""
        number = self.count = self.count + 1
        slot = number & _MASK
        self._make_room(slot)
        self.numbers[slot], self.ticks[slot] = number, now_us
        self.done_ticks[slot] = self.place
        self.barred[slot], self._otherwise[slot] = barred, otherwise
        self._permitted[slot] = self._passed[slot] = self.outcomes[slot] = 0
        self._reports.add_trigger(slot)
        if self.config is None:
            self._done(slot, now_us)
            return number
        from_way = self.shut_from(now_us + 1)
        too_close = self._keep_apart(number, now_us, from_way)
        placed = self.flight.count < self.config[4]
        if placed:
            self.flight.add(number)
        else:
            self.overflow = True
        if self.overflow:
            self.bar(messages.BROKEN, from_way)
            self.barred[slot] = messages.BROKEN
        elif too_close and not barred:
            self.barred[slot] = messages.TOO_CLOSE
        if not placed:
            self._done(slot, now_us)
        return number

    def permit(self, number: int, expiry: int, now_us: int) -> int:
        """Grant a permission, or return why not; 0 when granted, again or for the first time."""
        if not self.flight.has(number):
            return messages.UNKNOWN_PART
        slot = number & _MASK
        if self.barred[slot]:
            return messages.BARRED
        if self._permitted[slot]:
            return 0
        past = self.way(now_us) >= self._centre(slot) - self._guard
        if past or now_us >= expiry:
            self._otherwise[slot] = messages.LATE_REFUSED
            return messages.PAST_WINDOW if past else messages.EXPIRED
        self._permitted[slot] = 1
        return 0

    def bar(self, outcome: int, from_way: int) -> None:
        """Bind all parts in flight to this outcome, those excepted that are bound already.

        A belt that comes to rest is slow at first; in the end it has stopped.
        The gate is shut from `from_way` on: what the time brings about counts in its own tick,
        what a message or an edge does only in the next.
        """
        self._close(from_way)
        for at in range(self.flight.count):
            slot = self._slot(at)
            self._permitted[slot] = 0
            slowed = self.barred[slot] == messages.BELT_SPEED and outcome == messages.BELT_STOP
            if slowed or not self.barred[slot]:
                self.barred[slot] = outcome

    def drop(self, otherwise: int, from_way: int) -> None:
        """Take all permissions back; a new one may still be given in time. See `bar`."""
        self._close(from_way)
        for at in range(self.flight.count):
            slot = self._slot(at)
            self._permitted[slot] = 0
            self._otherwise[slot] = otherwise

    def advance(self, now_us: int) -> None:
        """Let the windows begin and end whose time has come."""
        way = self.way(now_us)
        while self.flight.count:
            start, _centre, end = self.window()
            if way >= end:
                self._end(end, now_us)
            elif way < start or not self._permitted[self._slot(0)]:
                break
            elif self._has_left():
                self._close(way)
                self._permitted[self._slot(0)] = 0
                self.barred[self._slot(0)] = messages.BELT_SPEED
            else:
                self._begun = self.flight.at(0)
                self._open = self._begun if self._has_come() else 0
                break
        if self.overflow and 2 * self.flight.count <= self.config[4]:
            self.overflow = False

    def _end(self, end: int, now_us: int) -> None:
        # A permitted head whose whole window went by between two calls was open in it as well,
        # unless nobody has seen where it was.
        if self._permitted[self._slot(0)] and not self._watched():
            self._open = self.flight.at(0)
        self._close(end)
        slot = self._slot(0)
        if self._permitted[slot] and self._watched() and not self._passed[slot]:
            self.barred[slot] = messages.BELT_SPEED  # the belt has not brought it in its time
        self._done(self.flight.pop() & _MASK, now_us if self.by_place else end)

    def _centre(self, slot: int) -> int:
        return (self.done_ticks[slot] if self.by_place else self.ticks[slot]) + self._delay

    def _watched(self) -> bool:
        return self._belt is not None and not self.by_place

    def _has_come(self) -> bool:
        """Return whether the belt can have brought the part whose time has come."""
        return not self._watched() or self.place >= self.belt_window()[0]

    def _has_left(self) -> bool:
        """Return whether the belt has taken it away, or to where its gate cannot open any more."""
        if not self._watched():
            return False
        first, span = self.belt_window()
        is_open = self._open == self.flight.at(0)
        return self.place >= (first + span if is_open else first + span // 2 + 1)

    def _was_there(self, slot: int, from_way: int) -> bool:
        """Return whether a part has been at the gate which is shut from there on."""
        if self._watched():
            return self.here >= self.done_ticks[slot] + self._belt[1]
        return from_way > self._centre(slot)

    def _close(self, from_way: int) -> None:
        """Shut the gate. A part has passed if the gate really was open when it was there."""
        number, self._open = self._open, 0
        self._gate.shut()
        if number:
            slot = number & _MASK
            if self._was_there(slot, from_way) and self._gate.part == number and self._gate.opened:
                self._passed[slot] = 1

    def _done(self, slot: int, tick: int) -> None:
        self.done_ticks[slot] = tick
        bound = self.barred[slot] or self._otherwise[slot]
        self.outcomes[slot] = messages.PASSED if self._passed[slot] else bound
        self._reports.add_outcome(slot)

    def _keep_apart(self, number: int, now_us: int, from_way: int) -> bool:
        """Reject both of two parts that are too close for one verdict each; True if they are.

        Two at one place of the belt: either nobody's part, or an encoder that has not counted.
        """
        newest, self._newest = self._newest, number
        apart, self._newest_place = self.place - self._newest_place, self.place
        slot = newest & _MASK
        self.same_place = False
        if not newest or not self._too_close(now_us - self.ticks[slot], apart):
            return False
        back = messages.BELT_BACK in (self.barred[slot], self.barred[number & _MASK])
        if self.by_place and not back:
            self.same_place = apart <= self._belt[2] // messages.BACK_SHARE
        if self.same_place:
            self.bar(messages.BROKEN, from_way)
        if newest == self._open:
            self._close(from_way)
        self._permitted[slot] = 0
        if not self.outcomes[slot] and not self.barred[slot]:
            self.barred[slot] = messages.TOO_CLOSE
        return True

    def _too_close(self, apart_us: int, apart: int) -> bool:
        if self._belt is not None and apart < self._belt[3]:
            return True
        return not self.by_place and apart_us < self.config[2]

    def _make_room(self, slot: int) -> None:
        """Give up what a slot still holds: a part so old that 1024 others came behind it.

        If it is still in flight the queue has overflowed behind it, so it is barred already.
        """
        self._reports.forget(slot)
        if self.flight.count and self._slot(0) == slot:
            self.flight.pop()

    def _slot(self, index: int) -> int:
        return self.flight.at(index) & _MASK
