"""Whether the wall clock is known to be right: asked of the time service and of the kernel."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

TIMESYNCD_FLAG = Path("/run/systemd/timesync/synchronized")
PROCESS_STATUS = Path("/proc/self/status")
CHECK_EVERY_NS = 10_000_000_000
EARLIEST_WALL_NS = 1_735_689_600_000_000_000  # 2025: a clock before this program is wrong
_UNSYNCHRONIZED = 5  # TIME_ERROR of adjtimex(2)
_ROOM_BYTES = 512  # more than any struct timex; zeroed, it only asks


class TimeSync:
    """Asks at most every ten seconds; what cannot be known counts as unsure."""

    def __init__(
        self, flag: Path = TIMESYNCD_FLAG, kernel: Callable[[], bool] | None = None
    ) -> None:
        self._flag = flag
        self._kernel = kernel or kernel_is_synchronized
        self._known = False
        self._due_ns: int | None = None

    def known_good(self, now_ns: int, wall_ns: int) -> bool:
        """Tell whether a time service has set the clock, and to a possible time."""
        if wall_ns < EARLIEST_WALL_NS:
            return False
        if self._due_ns is None or now_ns >= self._due_ns:
            self._due_ns = now_ns + CHECK_EVERY_NS
            self._known = self._flag.exists() or self._kernel()
        return self._known


def kernel_is_synchronized(status: Path = PROCESS_STATUS) -> bool:
    """Ask the kernel, which any time service tells; False where we may not ask.

    Under a filter of system calls adjtimex(2), which can also set the clock, would be the death
    of the process (systemd's @clock): then only timesyncd's flag tells.
    """
    if _is_filtered(status):
        return False
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_ROOM_BYTES))
    except (OSError, AttributeError):
        return False
    return 0 <= int(state) < _UNSYNCHRONIZED


def _is_filtered(status: Path) -> bool:
    try:
        lines = status.read_text("ascii", "replace").splitlines()
    except OSError:
        return True
    modes = [line.split()[-1] for line in lines if line.startswith("Seccomp:")]
    return modes != ["0"]
