"""The parts between photo-eye and gate, their windows, permissions and ends.

All parts live in fixed arrays, a slot each: number & MASK. `agent/sim/tracker.py` is the model.
"""

from array import array

import messages
from micropython import const

# Parts in flight at one time, and parts whose reports are kept. A power of two each.
LIMIT = const(512)
SLOTS = const(1024)
_FLIGHT_MASK = const(511)
_MASK = const(1023)


class Tracker:
    """Numbers the parts and decides what the gate does. Time only ever grows from call to call.

    `reports` is told of each part that is done, `gate` whether it was open at a part's centre.
    """

    def __init__(self, reports, gate) -> None:
        self.config = None
        self.count = 0
        self.overflow = False
        self.ticks = array("Q", [0] * SLOTS)
        self.done_ticks = array("Q", [0] * SLOTS)
        self.numbers = array("I", [0] * SLOTS)
        self.barred = bytearray(SLOTS)
        self.outcomes = bytearray(SLOTS)
        self._otherwise = bytearray(SLOTS)
        self._permitted = bytearray(SLOTS)
        self._passed = bytearray(SLOTS)
        self._reports = reports
        self._gate = gate
        self._flight = array("I", [0] * LIMIT)
        self._head = 0
        self.in_flight = 0
        self._open = 0
        self._newest = 0

    def live(self) -> bool:
        """Return whether a part is in flight that can still be passed."""
        return any(not self.barred[self._slot(at)] for at in range(self.in_flight))

    def deadline_us(self) -> "int | None":
        """Return when `advance` has something to do."""
        if not self.in_flight:
            return None
        start, _centre, end = self.window()
        return start if self.next_permitted() and not self._open else end

    def next_permitted(self) -> int:
        """Return the number of the next part at the gate if it may pass, else 0."""
        if not self.in_flight or not self._permitted[self._slot(0)]:
            return 0
        return self._flight[self._head]

    def window(self) -> "tuple[int, int, int]":
        """Return first tick, centre and first excluded tick of the next part at the gate."""
        centre = self.ticks[self._slot(0)] + self.config[0]
        return centre - self.config[1], centre, centre + self.config[1]

    def configure(self, config: tuple, now_us: int) -> None:
        """Take new windows from now on; the parts of the old ones end. Only legal if not `live`."""
        while self.in_flight:
            self._done(self._pop(), now_us)
        self._newest = self._open = 0
        self._gate.shut()
        self.overflow = False
        self.config = config

    def arrive(self, now_us: int, barred: int, otherwise: int) -> int:
        """Number a part that has met the photo-eye; one that has no place is done at once."""
        number = self.count = self.count + 1
        slot = number & _MASK
        self._make_room(slot)
        self.numbers[slot], self.ticks[slot] = number, now_us
        self.barred[slot], self._otherwise[slot] = barred, otherwise
        self._permitted[slot] = self._passed[slot] = self.outcomes[slot] = 0
        self._reports.add_trigger(slot)
        if self.config is None:
            self._done(slot, now_us)
            return number
        too_close = self._keep_apart(number, now_us)
        placed = self.in_flight < self.config[4]
        if placed:
            self._flight[(self._head + self.in_flight) & _FLIGHT_MASK] = number
            self.in_flight += 1
        else:
            self.overflow = True
        if self.overflow:
            self.bar(messages.BROKEN, now_us + 1)
            self.barred[slot] = messages.BROKEN
        elif too_close and not barred:
            self.barred[slot] = messages.TOO_CLOSE
        if not placed:
            self._done(slot, now_us)
        return number

    def permit(self, number: int, expiry: int, now_us: int) -> int:
        """Grant a permission, or return why not; 0 when granted, again or for the first time."""
        slot = self._find(number)
        if slot < 0:
            return messages.UNKNOWN_PART
        if self.barred[slot]:
            return messages.BARRED
        if self._permitted[slot]:
            return 0
        past = now_us >= self.ticks[slot] + self.config[0] - self.config[1]
        if past or now_us >= expiry:
            self._otherwise[slot] = messages.LATE_REFUSED
            return messages.PAST_WINDOW if past else messages.EXPIRED
        self._permitted[slot] = 1
        return 0

    def bar(self, outcome: int, from_us: int) -> None:
        """Bind all parts in flight to this outcome, those excepted that are bound already.

        The gate is shut from the tick `from_us` on: what the time brings about counts in its own
        tick, what a message or an edge does only in the next.
        """
        self._close(from_us)
        for at in range(self.in_flight):
            slot = self._slot(at)
            self._permitted[slot] = 0
            self.barred[slot] = self.barred[slot] or outcome

    def drop(self, otherwise: int, from_us: int) -> None:
        """Take all permissions back; a new one may still be given in time. See `bar`."""
        self._close(from_us)
        for at in range(self.in_flight):
            slot = self._slot(at)
            self._permitted[slot] = 0
            self._otherwise[slot] = otherwise

    def advance(self, now_us: int) -> None:
        """Let the windows begin and end whose time has come."""
        while self.in_flight:
            start, _centre, end = self.window()
            if now_us >= end:
                self._end(end)
            else:
                if now_us >= start and self._permitted[self._slot(0)]:
                    self._open = self._flight[self._head]
                break
        if self.overflow and 2 * self.in_flight <= self.config[4]:
            self.overflow = False

    def _end(self, end: int) -> None:
        # A permitted head whose whole window went by between two calls was open in it as well.
        if self._permitted[self._slot(0)]:
            self._open = self._flight[self._head]
        self._close(end)
        self._done(self._pop(), end)

    def _close(self, from_us: int) -> None:
        """Shut the gate. A part has passed if the gate really was open when it was there."""
        number, self._open = self._open, 0
        self._gate.shut()
        if number:
            slot = number & _MASK
            centre = self.ticks[slot] + self.config[0]
            if from_us > centre and self._gate.part == number and self._gate.opened:
                self._passed[slot] = 1

    def _done(self, slot: int, tick: int) -> None:
        self.done_ticks[slot] = tick
        bound = self.barred[slot] or self._otherwise[slot]
        self.outcomes[slot] = messages.PASSED if self._passed[slot] else bound
        self._reports.add_outcome(slot)

    def _keep_apart(self, number: int, now_us: int) -> bool:
        """Reject both of two parts that are too close for one verdict each; True if they are."""
        newest, self._newest = self._newest, number
        slot = newest & _MASK
        if not newest or now_us - self.ticks[slot] >= self.config[2]:
            return False
        if newest == self._open:
            self._close(now_us + 1)
        self._permitted[slot] = 0
        if not self.outcomes[slot] and not self.barred[slot]:
            self.barred[slot] = messages.TOO_CLOSE
        return True

    def _make_room(self, slot: int) -> None:
        """Give up what a slot still holds: a part so old that 1024 others came behind it.

        If it is still in flight the queue has overflowed behind it, so it is barred already.
        """
        self._reports.forget(slot)
        if self.in_flight and self._slot(0) == slot:
            self._pop()

    def _slot(self, at: int) -> int:
        return self._flight[(self._head + at) & _FLIGHT_MASK] & _MASK

    def _pop(self) -> int:
        slot = self._slot(0)
        self._head = (self._head + 1) & _FLIGHT_MASK
        self.in_flight -= 1
        return slot

    def _find(self, number: int) -> int:
        """Return the slot of a part in flight, else -1."""
        low, high = 0, self.in_flight
        while low < high:
            middle = (low + high) // 2
            found = self._flight[(self._head + middle) & _FLIGHT_MASK]
            if found == number:
                return number & _MASK
            if found < number:
                low = middle + 1
            else:
                high = middle
        return -1
