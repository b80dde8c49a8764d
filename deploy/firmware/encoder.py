"""The belt's encoder: edges counted by an interrupt, forwards and backwards."""

from micropython import const

# The step from one state (A << 1 | B) to the next; two steps at once are unknown and count 0.
_STEPS = (0, -1, 1, 0, 1, 0, 0, -1, -1, 0, 0, 1, 0, 1, -1, 0)
# One bit less than a small integer of the board has: adding one must not make a long integer.
_MASK = const(0x1FFFFFFF)
_HALF = const(0x10000000)


class Encoder:
    """Counts in 29 bits, so that the interrupt allocates nothing; `count` is signed."""

    def __init__(self, state: int = 0) -> None:
        self._state = state
        self._count = 0

    def quadrature(self, state: int) -> None:
        """Take both channels' levels after an edge of either."""
        self._count = (self._count + _STEPS[self._state << 2 | state]) & _MASK
        self._state = state

    def single(self) -> None:
        """Take an edge of the only channel."""
        self._count = (self._count + 1) & _MASK

    def count(self) -> int:
        """Return the edges since power-up, those backwards subtracted."""
        count = self._count
        return count - _MASK - 1 if count >= _HALF else count
