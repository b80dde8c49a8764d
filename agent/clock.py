"""The system's clocks and sleep; the only module that reads a clock."""

from __future__ import annotations

import time
from typing import Protocol

from agent.timesync import TimeSync


class Clock(Protocol):
    """Time as the agent sees it; tests bring their own."""

    def now_ns(self) -> int:
        """Return monotonic time in nanoseconds: for everything that is decided."""
        ...

    def wall_ns(self) -> int:
        """Return wall time in nanoseconds since 1970: a label for people, never for deciding."""
        ...

    def wall_ok(self) -> bool:
        """Tell whether the wall time is known to be right."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for so long."""
        ...


class SystemClock:
    """CLOCK_MONOTONIC, which all processes of the machine share, and the wall clock."""

    def __init__(self) -> None:
        self._sync = TimeSync()

    def now_ns(self) -> int:
        """Return CLOCK_MONOTONIC in nanoseconds."""
        return time.monotonic_ns()

    def wall_ns(self) -> int:
        """Return the wall clock in nanoseconds since 1970."""
        return time.time_ns()

    def wall_ok(self) -> bool:
        """Tell whether a time service has set the wall clock."""
        return self._sync.known_good(self.now_ns(), self.wall_ns())

    def sleep(self, seconds: float) -> None:
        """Sleep for `seconds`."""
        time.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is moved: for tests and simulated belts."""

    def __init__(self, now_ns: int = 0, wall_ns: int = 1_700_000_000_000_000_000) -> None:
        self._now_ns = now_ns
        self._wall_offset_ns = wall_ns - now_ns
        self.wall_known = True

    def now_ns(self) -> int:
        """Return the time that was set last."""
        return self._now_ns

    def wall_ns(self) -> int:
        """Return the wall time that belongs to `now_ns`."""
        return self._now_ns + self._wall_offset_ns

    def wall_ok(self) -> bool:
        """Tell what a test has set `wall_known` to."""
        return self.wall_known

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.advance(round(seconds * 1e9))

    def advance(self, step_ns: int) -> None:
        """Move the clock forward by `step_ns` nanoseconds."""
        self._now_ns += step_ns

    def step_wall(self, step_ns: int) -> None:
        """Move only the wall clock, as a time server would."""
        self._wall_offset_ns += step_ns
