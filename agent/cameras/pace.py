"""When a free-running camera takes its frames: an even grid in the injected clock's time."""

from __future__ import annotations

from agent.clock import Clock


class FramePace:
    """Counts frames at `frame_rate` from the moment it was made.

    Whoever comes late finds the last `buffers` frames, each with its own time, and misses those
    before them, as with a real camera: their numbers are left out.
    """

    def __init__(self, frame_rate: float, clock: Clock, buffers: int = 1) -> None:
        self._period_ns = 1e9 / frame_rate
        self._clock = clock
        self._buffers = buffers
        self._start_ns = clock.now_ns()
        self._next = 0

    @property
    def next_ns(self) -> int:
        """Return when the next frame is taken, or was, if nobody waits for it yet."""
        return self._time_of(self._next)

    def wait(self, timeout_s: float) -> tuple[int, int] | None:
        """Sleep until the next frame; returns its time and number, or None after `timeout_s`."""
        now_ns = self._clock.now_ns()
        newest = int((now_ns - self._start_ns) // self._period_ns)
        self._next = max(self._next, newest - self._buffers + 1)
        wait_ns = self.next_ns - now_ns
        if wait_ns > timeout_s * 1e9:
            self._clock.sleep(timeout_s)
            return None
        if wait_ns > 0:
            self._clock.sleep(wait_ns / 1e9)
        taken_ns, number = self.next_ns, self._next
        self._next += 1
        return taken_ns, number

    def _time_of(self, number: int) -> int:
        return self._start_ns + round(number * self._period_ns)
