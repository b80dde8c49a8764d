"""Edges of the photo-eye on their way from the interrupt to the main loop."""

from array import array

from micropython import const

_SIZE = const(256)
_MASK = const(0xFF)


class EdgeRing:
    """A ring of fixed size; `put` allocates nothing, so an interrupt may call it at any moment.

    One writer, one reader: each moves an index of its own. An edge that finds the ring full is
    counted in `lost`: it may have been a part.
    """

    def __init__(self) -> None:
        self._ticks = array("I", [0] * _SIZE)
        self._places = array("I", [0] * _SIZE)
        self._levels = bytearray(_SIZE)
        self._head = 0
        self._tail = 0
        self.lost = 0
        # What `take` has found.
        self.raw = self.place = 0
        self.covered = False
        self.second = False

    def put(self, raw: int, level: int, place: int = 0) -> None:
        """Keep an edge: the counter at its moment, the level after it, the encoder's peak.

        Bit 0 of `level` is whether the eye is covered, bit 1 whether it is the second eye.
        """
        head = self._head
        after = (head + 1) & _MASK
        if after == self._tail:
            self.lost = (self.lost + 1) & 0xFFFF
            return
        self._ticks[head] = raw
        self._places[head] = place
        self._levels[head] = level
        self._head = after

    def any(self) -> bool:
        """Return whether an edge waits."""
        return self._head != self._tail

    def take(self) -> bool:
        """Move the oldest edge into `raw`, `place`, `covered`, `second`; False if there is none."""
        tail = self._tail
        if tail == self._head:
            return False
        self.raw = self._ticks[tail]
        self.place = self._places[tail]
        self.covered = self._levels[tail] & 1 != 0
        self.second = self._levels[tail] & 2 != 0
        self._tail = (tail + 1) & _MASK
        return True
