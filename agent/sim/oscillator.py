"""The controller's own clock: microseconds from an offset, a little fast or slow; pure."""

from __future__ import annotations


class Oscillator:
    """Ticks over host time; `ppm` is how many microseconds a second it gains."""

    def __init__(self, base_ns: int, offset_us: int = 0, ppm: int = 0) -> None:
        self.base_ns = base_ns
        self._offset_us = offset_us
        self._rate = 1_000_000 + ppm

    def tick(self, now_ns: int) -> int:
        """Return the tick at this host time, rounded down."""
        return (now_ns - self.base_ns) * self._rate // 1_000_000_000 + self._offset_us

    def reached_ns(self, tick: int) -> int:
        """Return the first host time at which `tick` is reached."""
        return self.base_ns - (self._offset_us - tick) * 1_000_000_000 // self._rate

    def step(self, step_us: int) -> None:
        """Jump, as no clock should."""
        self._offset_us += step_us
