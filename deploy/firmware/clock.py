"""The controller's time: 64-bit microseconds out of a counter of 30 bits that wraps."""

from micropython import const

# `time.ticks_us` of a board counts to 2**30 - 1 (17.9 min) and begins anew. Differences up to
# half of that are told apart from steps back.
MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)


class Clock:
    """Extends a wrapping counter. `now` must be called at least every 8 minutes.

    The main loop calls it every few milliseconds, and the watchdog sees to it that it does.
    """

    def __init__(self, ticks_us) -> None:
        self._ticks_us = ticks_us
        self._raw = ticks_us()
        self.now_us = self._raw
        self.steps_back = 0

    def now(self) -> int:
        """Return the time; a counter that went back is counted and leaves it standing."""
        raw = self._ticks_us()
        passed_us = (raw - self._raw) & MASK
        self._raw = raw
        if passed_us >= _HALF:
            self.steps_back += 1
        else:
            self.now_us += passed_us
        return self.now_us

    def extend(self, raw: int) -> int:
        """Return the time of a counter value that an interrupt has read lately."""
        ahead_us = (raw - self._raw) & MASK
        return self.now_us + (ahead_us - MASK - 1 if ahead_us >= _HALF else ahead_us)
