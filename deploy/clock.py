"""The system's clocks and sleep, as flashing sees them; the only module here that reads a clock."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Time as flashing sees it; tests bring their own."""

    def now_ns(self) -> int:
        """Return monotonic time in nanoseconds: for everything that is decided."""
        ...

    def wall_ns(self) -> int:
        """Return wall time in nanoseconds since 1970: a label for people, never for deciding."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for so long."""
        ...


class SystemClock:
    """CLOCK_MONOTONIC and the wall clock."""

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC in nanoseconds."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Return the wall clock in nanoseconds since 1970."""
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        time.sleep(seconds)
