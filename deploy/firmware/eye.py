"""The photo-eye: its bouncing edges made into parts, and a covered eye noticed."""

from micropython import const

STUCK_US = const(5_000_000)


class Eye:
    """One photo-eye. An edge so close to the one before it is the same part bouncing."""

    def __init__(self, debounce_us: int = 3_000) -> None:
        self.debounce_us = debounce_us
        self._covered_us = None
        self._edge_us = None

    def change(self, covered: bool, now_us: int) -> bool:
        """Take the eye's level; True when a new part has come."""
        if not covered:
            self._covered_us = None
            return False
        if self._covered_us is not None:
            return False
        self._covered_us = now_us
        last_us, self._edge_us = self._edge_us, now_us
        return last_us is None or now_us - last_us >= self.debounce_us

    def stuck(self, now_us: int) -> bool:
        """Return whether the eye has been covered for longer than any part does."""
        return self._covered_us is not None and now_us - self._covered_us >= STUCK_US

    def stuck_at_us(self) -> "int | None":
        """Return when the eye will count as stuck; None while it is free."""
        return None if self._covered_us is None else self._covered_us + STUCK_US
