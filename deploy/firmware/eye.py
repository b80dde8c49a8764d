"""The photo-eye: its bouncing edges made into parts, and a covered eye noticed."""

from micropython import const

STUCK_US = const(5_000_000)


class Eye:
    """One photo-eye. An edge so close to the one before it is the same part bouncing.

    It counts as stuck once it was covered over so much `way`: time, or ticks of a belt that may
    stand.
    """

    def __init__(self, debounce_us: int = 3_000) -> None:
        self.debounce_us = debounce_us
        self.count = 0  # of parts, in 32 bits
        self._stuck_after = STUCK_US
        self._covered_at = None
        self._edge_us = None

    def measure(self, way: int, stuck_after: int) -> None:
        """Reckon in this way from now on."""
        self._stuck_after = stuck_after
        self._covered_at = None if self._covered_at is None else way

    def change(self, covered: bool, now_us: int, way: int) -> bool:
        """Take the eye's level; True when a new part has come."""
        if not covered:
            self._covered_at = None
            return False
        if self._covered_at is not None:
            return False
        self._covered_at = way
        last_us, self._edge_us = self._edge_us, now_us
        new = last_us is None or now_us - last_us >= self.debounce_us
        self.count = (self.count + new) & 0xFFFFFFFF
        return new

    def stuck(self, way: int) -> bool:
        """Return whether the eye has been covered for longer than any part does."""
        return self._covered_at is not None and way - self._covered_at >= self._stuck_after

    def stuck_at(self) -> "int | None":
        """Return when the eye will count as stuck; None while it is free."""
        return None if self._covered_at is None else self._covered_at + self._stuck_after
