"""The belt's encoder: edges counted by an interrupt, forwards and backwards."""

from micropython import const

# The step from one state (A << 1 | B) to the next; two steps at once are unknown and count 0.
_STEPS = (0, -1, 1, 0, 1, 0, 0, -1, -1, 0, 0, 1, 0, 1, -1, 0)
_BOTH = const(3)
# One bit less than a small integer of the board has: adding one must not make a long integer.
MASK = const(0x1FFFFFFF)
HALF = const(0x10000000)


class Encoder:
    """Counts in 29 bits, so that the interrupt allocates nothing; `count` is signed.

    `peak` is the furthest that it has come. More than `allowed` behind that it is `behind`, until
    it is there again; `turned` counts how often, and `lost` how often it must have missed edges.
    """

    def __init__(self, state: int = 0, channels: int = 2) -> None:
        self.channels = channels
        self.peak = self.turned = self.lost = 0
        self.behind = False
        self.allowed = HALF
        self._state = state
        self._count = 0

    def settle(self, state: int) -> None:
        """Take both channels' levels as they are at first: no edge."""
        self._state = state

    def quadrature(self, state: int) -> None:
        """Take both channels' levels after an edge of either."""
        step = _STEPS[self._state << 2 | state]
        if step:
            self._step(step)
        elif self._state ^ state == _BOTH:
            self.lost = (self.lost + 1) & 0xFFFF
        self._state = state

    def single(self) -> None:
        """Take an edge of the only channel."""
        self._step(1)

    def home(self, allowed: int) -> None:
        """Let the present place be the furthest, with so much allowed backwards."""
        self.allowed = allowed
        self.peak = self._count
        self.behind = False

    def back(self) -> int:
        """Return how many ticks behind the furthest it is."""
        return (self.peak - self._count) & MASK

    def count(self) -> int:
        """Return the edges since power-up, those backwards subtracted."""
        count = self._count
        return count - MASK - 1 if count >= HALF else count

    def _step(self, step: int) -> None:
        count = (self._count + step) & MASK
        self._count = count
        back = (self.peak - count) & MASK
        if not 0 < back < HALF:
            self.peak = count
            self.behind = False
        elif back > self.allowed and not self.behind:
            self.behind = True
            self.turned = (self.turned + 1) & 0xFFFF
