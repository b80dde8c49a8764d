"""The numbers of the parts between photo-eye and gate, in the order of the belt."""

from array import array

from micropython import const

# Parts in flight at one time: a power of two.
LIMIT = const(512)
_MASK = const(511)


class Flight:
    """A queue of fixed size; `count` numbers, each greater than the one before it."""

    def __init__(self) -> None:
        self._numbers = array("I", [0] * LIMIT)
        self._head = 0
        self.count = 0

    def at(self, index: int) -> int:
        """Return a number by its place in the queue; 0 is that of the next part at the gate."""
        return self._numbers[(self._head + index) & _MASK]

    def add(self, number: int) -> None:
        """Put a number at the end; there must be room."""
        self._numbers[(self._head + self.count) & _MASK] = number
        self.count += 1

    def pop(self) -> int:
        """Take out the number of the next part at the gate."""
        number = self.at(0)
        self._head = (self._head + 1) & _MASK
        self.count -= 1
        return number

    def has(self, number: int) -> bool:
        """Return whether a part is in flight."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self.at(middle) < number:
                low = middle + 1
            else:
                high = middle
        return low < self.count and self.at(low) == number
