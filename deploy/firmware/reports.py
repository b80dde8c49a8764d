"""Triggers and outcomes which the controller repeats until their rows are recorded.

Nothing here grows: two marks and two times for each of the tracker's slots, and a short ring of
what is new. What that ring has no room for goes out with the repeats.
"""

import struct
from array import array

import messages
from micropython import const

REPEAT_MS = const(100)
# So many repeats at one time, and no more for the next while: the line must not drown in them.
BURST = const(8)
BURST_EVERY_US = const(10_000)
_SLOTS = const(1024)
_MASK = const(1023)
_FRESH = const(256)
_FRESH_MASK = const(255)
# The marks of a slot: bits 0 and 1 say which reports are unrecorded, 2 and 3 which of them are
# not to wait for their turn.
_PENDING = const(3)
_PENDING_OF = const(1)
_AT_ONCE_OF = const(4)
# Slots that are looked at in one call: a bound for the time that it takes.
_LOOKS = const(64)
_TRIGGER = const(0)
_OUTCOME = const(1)


class Reports:
    """What the host has not recorded yet; the oldest is forgotten, and counted, for a new part."""

    def __init__(self) -> None:
        self.lost = 0
        self.unrecorded = 0
        self._marks = bytearray(_SLOTS)
        self._sent_ms = (array("H", [0] * _SLOTS), array("H", [0] * _SLOTS))
        self._fresh = array("H", [0] * _FRESH)
        self._first = 0
        self._waiting = 0
        self._oldest = self._cursor = 1
        self._burst_us = 0
        self._parts = None

    def watch(self, parts) -> None:
        """Name the tracker whose parts these reports are about."""
        self._parts = parts

    def due_us(self) -> "int | None":
        """Return when `send` has something to say; None while it has not."""
        if self._waiting:
            return 0
        return self._burst_us if self.unrecorded else None

    def add_trigger(self, slot: int) -> None:
        """Keep a TRIGGER until it is recorded, and send it first of all."""
        self._add(slot, _TRIGGER)

    def add_outcome(self, slot: int) -> None:
        """Keep an OUTCOME until it is recorded, and send it first of all."""
        self._add(slot, _OUTCOME)

    def recorded(self, kind: int, number: int) -> None:
        """Forget a report: its row is committed."""
        slot = number & _MASK
        if self._parts.numbers[slot] == number and self._marks[slot] & (_PENDING_OF << kind):
            self._marks[slot] &= ~(_PENDING_OF << kind)
            self.unrecorded -= 1

    def forget(self, slot: int) -> None:
        """Give up what is still unrecorded of an old part whose slot is wanted."""
        for kind in (_TRIGGER, _OUTCOME):
            if self._marks[slot] & (_PENDING_OF << kind):
                self.unrecorded -= 1
                self.lost = (self.lost + 1) & 0xFFFFFFFF
        self._marks[slot] = 0
        self._oldest = max(self._oldest, self._parts.count - _MASK)

    def resend(self) -> None:
        """Send everything again: the host is another one."""
        self._waiting = 0
        for slot in range(_SLOTS):
            self._marks[slot] |= (self._marks[slot] & _PENDING) << 2
        self._cursor = self._oldest
        self._burst_us = 0

    def send(self, now_us: int, put) -> None:
        """Hand what is due to `put`, which returns False when the line takes no more."""
        now_ms = (now_us // 1000) & 0xFFFF
        while self._waiting:
            key = self._fresh[self._first]
            if not self._put(key >> 1, key & 1, now_ms, put):
                return
            self._first = (self._first + 1) & _FRESH_MASK
            self._waiting -= 1
        if self.unrecorded and now_us >= self._burst_us:
            self._burst_us = now_us + BURST_EVERY_US
            self._repeat(now_ms, put)

    def _add(self, slot: int, kind: int) -> None:
        self._marks[slot] |= (_PENDING_OF << kind) | (_AT_ONCE_OF << kind)
        # An OUTCOME comes when the search may have gone on behind its part's recorded TRIGGER.
        self._oldest = min(self._oldest, self._parts.numbers[slot])
        self.unrecorded += 1
        if self._waiting < _FRESH:
            self._fresh[(self._first + self._waiting) & _FRESH_MASK] = slot << 1 | kind
            self._waiting += 1

    def _repeat(self, now_ms: int, put) -> None:
        """Go on through the unrecorded parts from where the last call stopped, once round."""
        newest, marks = self._parts.count, self._marks
        while self._oldest < newest and not marks[self._oldest & _MASK] & _PENDING:
            self._oldest += 1
        sent = 0
        for _ in range(min(_LOOKS, newest + 1 - self._oldest)):
            if not self._oldest <= self._cursor <= newest:
                self._cursor = self._oldest
            slot = self._cursor & _MASK
            for kind in (_TRIGGER, _OUTCOME) if marks[slot] & _PENDING else ():
                if not self._due(slot, kind, now_ms):
                    continue
                if sent == BURST or not self._put(slot, kind, now_ms, put):
                    return
                sent += 1
            self._cursor += 1

    def _due(self, slot: int, kind: int, now_ms: int) -> bool:
        marks = self._marks[slot] >> kind
        if not marks & _PENDING_OF:
            return False
        age_ms = (now_ms - self._sent_ms[kind][slot]) & 0xFFFF
        return bool(marks & _AT_ONCE_OF) or age_ms >= REPEAT_MS

    def _put(self, slot: int, kind: int, now_ms: int, put) -> bool:
        if not self._marks[slot] & (_PENDING_OF << kind):
            return True
        parts = self._parts
        number = parts.numbers[slot]
        if kind == _TRIGGER:
            fields = (number, parts.ticks[slot], parts.barred[slot])
            payload = struct.pack(messages.TRIGGER_LAYOUT, *fields)
            sent = put(messages.TRIGGER, payload)
        else:
            row = 0 if self._marks[slot] & _PENDING_OF else 1
            fields = (number, parts.done_ticks[slot], parts.outcomes[slot], row)
            sent = put(messages.OUTCOME, struct.pack(messages.OUTCOME_LAYOUT, *fields))
        if sent:
            self._marks[slot] &= ~(_AT_ONCE_OF << kind)
            self._sent_ms[kind][slot] = now_ms
        return sent
