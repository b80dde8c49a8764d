"""Percentiles, ratios with an interval, and a fit that never falls: arithmetic on times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_FOR_INTERVAL = 20
RESAMPLES = 1000
RESAMPLED_TIMES = 2_000_000  # in all: a million runs would otherwise take a minute to resample


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Times of one stage in milliseconds; None where there are too few times to tell."""

    p50: float
    p90: float | None
    p99: float | None
    p99_9: float | None
    max: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two medians with its 95 % interval; no interval below twenty turns."""

    ratio: float
    low: float | None
    high: float | None


def percentiles_ms(times_ns: Sequence[int]) -> Percentiles:
    """Return the percentiles of times given in nanoseconds.

    p99.9 of a hundred times would be a guess: a percentile is given only where at least one time
    lies beyond it.
    """
    times = np.asarray(times_ns, np.float64) / 1e6

    def percentile(percent: float) -> float | None:
        beyond = times.size * (100 - percent) / 100
        return None if beyond < 1 - 1e-9 else _rounded(float(np.percentile(times, percent)))

    return Percentiles(
        p50=_rounded(float(np.median(times))),
        p90=percentile(90),
        p99=percentile(99),
        p99_9=percentile(99.9),
        max=_rounded(float(times.max())),
    )


def ratio_of_medians(times_ns: Sequence[int], first_ns: Sequence[int]) -> Ratio | None:
    """Return how many times as long as the first it takes, both measured in the same turns.

    The interval comes from a bootstrap of blocks of neighbouring turns, the same ones for both:
    a disturbance lasts for many turns and hits both, so turns are neither independent nor alone.
    None when the first takes no time at all.
    """
    times = np.asarray(times_ns, np.float64)
    first = np.asarray(first_ns, np.float64)
    below = float(np.median(first))
    if below <= 0:
        return None
    ratio = _rounded(float(np.median(times)) / below)
    if times.size < LEAST_FOR_INTERVAL:
        return Ratio(ratio, None, None)
    ratios = _resampled_ratios(times, first)
    low, high = (_rounded(float(bound)) for bound in np.percentile(ratios, (2.5, 97.5)))
    return Ratio(ratio, low, high)


def _resampled_ratios(
    times: NDArray[np.float64], first: NDArray[np.float64]
) -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    turns = times.size
    block = round(math.sqrt(turns))
    blocks = -(-turns // block)
    resamples = min(RESAMPLES, max(200, RESAMPLED_TIMES // turns))
    ratios = np.empty(resamples)
    for index in range(resamples):
        starts = random.integers(0, turns, blocks)
        chosen = ((starts[:, np.newaxis] + np.arange(block)) % turns).ravel()[:turns]
        ratios[index] = np.median(times[chosen]) / max(float(np.median(first[chosen])), 1.0)
    return ratios


def never_falling(values: Sequence[float]) -> list[float]:
    """Return the closest values, by least squares, of which none is below the one before it."""
    blocks: list[tuple[float, int]] = []  # mean and length
    for value in values:
        mean, length = value, 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean = (mean * length + before * count) / (length + count)
            length += count
        blocks.append((mean, length))
    return [mean for mean, length in blocks for _ in range(length)]


def _rounded(value: float) -> float:
    return round(value, 4)
