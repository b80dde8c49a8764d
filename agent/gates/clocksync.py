"""Keeps host time and controller ticks in step by decaying linear regression; pure.

After Klipper's `clocksync.py`: the slope comes from many samples, weighted towards the newest, and
samples with a long round trip are left out. What is fitted is the offset (ticks in nanoseconds
minus host time), so that floats only ever hold small numbers.
"""

from __future__ import annotations

import math

GOOD_SAMPLES = 10
_NS_PER_TICK = 1000
_DECAY = 1 / 30
_NOISE_DECAY = 1 / 10
# Below a spread of some 0.3 s the samples say nothing about the rate: it is held at nominal.
_PRIOR_NS2 = 3e8**2
_MAX_RATE_ERROR = 1e-3
# How far two free quartz clocks may part between samples, as a share of the time.
_WANDER = 1e-4
# The best round trip is forgotten at this rate, lest one lucky sample shut out all others.
_AGEING = 1.02


class ClockSync:
    """Estimates one clock from samples of the other.

    `limit_ns` is the error above which the clocks are out of step; `line_ns` how long PING and
    PONG take on a real serial line, which is no uncertainty since both are of equal length.
    """

    def __init__(self, limit_ns: int, line_ns: int = 0) -> None:
        self._limit_ns = limit_ns
        self._line_ns = line_ns
        self.steps = 0
        self._clear()

    def _clear(self) -> None:
        self._count = 0
        self._best_ns = math.inf
        self._origin_ns = 0
        self._shift_ns = 0
        self._newest_ns = 0
        self._time = self._offset = self._slope = 0.0
        self._variance = self._covariance = self._noise = 0.0

    @property
    def known(self) -> bool:
        """Whether there has been any sample to estimate from."""
        return self._count > 0

    def add(self, sent_ns: int, received_ns: int, tick: int) -> None:
        """Learn from one PING: sent and answered in host time, read at `tick` in between."""
        trip_ns = received_ns - sent_ns
        middle_ns = (sent_ns + received_ns) // 2
        if trip_ns < 0 or middle_ns < self._newest_ns:
            return
        self._best_ns = min(self._best_ns, trip_ns)
        if not self._count:
            self._begin(middle_ns, tick)
            return
        at = float(middle_ns - self._origin_ns)
        offset = float(tick * _NS_PER_TICK - middle_ns - self._shift_ns)
        residual = offset - self._predict(at)
        # The tick was read within the round trip, so a clock that ran on cannot be so far off.
        if abs(residual) > trip_ns / 2 + max(self.error_ns(middle_ns), self._limit_ns):
            self.steps += 1
            self._clear()
            self._best_ns = trip_ns
            self._begin(middle_ns, tick)
        elif (trip_ns - self._best_ns) / 2 > self._limit_ns / 2:
            self._best_ns *= _AGEING
        else:
            self._fit(at, offset, residual)
            self._newest_ns = middle_ns

    def reset(self) -> None:
        """Forget everything: the controller is another one, or its clock has jumped."""
        self._clear()

    def to_host_ns(self, tick: int) -> int:
        """Return the host's time of a tick. Needs `known`."""
        rest = tick * _NS_PER_TICK - self._shift_ns - self._origin_ns
        return self._origin_ns + rest - round(self._predict(rest - self._predict(float(rest))))

    def to_tick(self, host_ns: int) -> int:
        """Return the tick of a host's time, rounded down. Needs `known`."""
        offset = math.floor(self._predict(float(host_ns - self._origin_ns)))
        return (host_ns + self._shift_ns + offset) // _NS_PER_TICK

    def error_ns(self, now_ns: int) -> float:
        """Return how far off the estimate may be at `now_ns`."""
        if not self._count:
            return math.inf
        beyond_line = self._best_ns - self._line_ns
        unsure_ns = (beyond_line if beyond_line >= 0 else self._best_ns) / 2
        age_ns = max(0, now_ns - self._newest_ns)
        # The estimate is the mean of many samples, and less noisy than each.
        noise_ns = 2 * math.sqrt(self._noise / min(self._count, GOOD_SAMPLES))
        return unsure_ns + noise_ns + _WANDER * age_ns

    def in_step(self, now_ns: int) -> bool:
        """Whether times of one clock may be told in the other."""
        good = self._count >= GOOD_SAMPLES and abs(self._slope) <= _MAX_RATE_ERROR
        return good and self.error_ns(now_ns) <= self._limit_ns

    def _begin(self, middle_ns: int, tick: int) -> None:
        self._origin_ns = self._newest_ns = middle_ns
        self._shift_ns = tick * _NS_PER_TICK - middle_ns
        self._count = 1

    def _predict(self, at: float) -> float:
        return self._offset + self._slope * (at - self._time)

    def _fit(self, at: float, offset: float, residual: float) -> None:
        self._count += 1
        weight = max(1 / self._count, _DECAY)
        apart, off = at - self._time, offset - self._offset
        self._time += weight * apart
        self._offset += weight * off
        self._variance = (1 - weight) * (self._variance + weight * apart * apart)
        self._covariance = (1 - weight) * (self._covariance + weight * apart * off)
        self._slope = self._covariance / (self._variance + _PRIOR_NS2)
        self._noise += max(1 / self._count, _NOISE_DECAY) * (residual * residual - self._noise)
