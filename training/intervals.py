"""How far a counted share can be trusted: Wilson, exact bounds, resampling by part."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Interval = tuple[float, float]
Weights = NDArray[np.float64]
Statistic = Callable[[Weights], NDArray[np.float64]]

CONFIDENCE = 0.95
DRAWS = 2000

_Z95 = 1.959963984540054
_BLOCK_CELLS = 4_000_000  # 32 MB of weights at a time, however many parts there are
_HALVINGS = 60


def wilson_interval(successes: float, trials: float) -> Interval:
    """Return the 95 % interval of a share by Wilson's score; it holds for 0 and 1 too."""
    share, squared = successes / trials, _Z95**2
    centre = (share + squared / (2 * trials)) / (1 + squared / trials)
    spread = math.sqrt(share * (1 - share) / trials + squared / (4 * trials**2))
    half = _Z95 * spread / (1 + squared / trials)
    # At the ends the exact bounds are 0 and 1; rounding must not leave them.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


def upper_bound(events: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """Return the exact one-sided upper bound of a rate (Clopper and Pearson, 1934).

    It is the rate at which so few events in `trials` have a chance of 1 - `confidence`; without an
    event about 3 / trials. Nothing seen says nothing: of 0 trials the bound is 1.
    """
    if events >= trials:
        return 1.0
    if events == 0:
        return float(-math.expm1(math.log(1.0 - confidence) / trials))
    low, high = events / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _chance_of_at_most(events, trials, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def resample_parts(
    parts: int, statistic: Statistic, *, cells: int = 0, draws: int = DRAWS, seed: int = 0
) -> NDArray[np.float64]:
    """Return `statistic` of many samples of the parts, drawn with replacement.

    `statistic` gets rows of weights, how often each of the `parts` was drawn, and returns a row of
    figures for each. `cells` is how many numbers it works on per row, where that exceeds the parts.
    """
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK_CELLS // max(parts, cells, 1))
    results = []
    for start in range(0, draws, block):
        rows = min(block, draws - start)
        drawn = random.integers(0, parts, (rows, parts))
        drawn += np.arange(rows)[:, np.newaxis] * parts
        counts = np.bincount(drawn.ravel(), minlength=rows * parts)
        results.append(statistic(counts.reshape(rows, parts).astype(np.float64)))
    return np.concatenate(results)


def spread_of(values: NDArray[np.float64]) -> Interval | None:
    """Return the middle 95 % of resampled figures; those that have no value (NaN) do not count."""
    known = values[np.isfinite(values)]
    if len(known) == 0:
        return None
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def interval_by_part(share: float, parts: int, values: NDArray[np.float64]) -> Interval | None:
    """Return the interval of a share from its resampled values.

    Where all parts agree, resampling repeats them and shows no spread at all: then Wilson's
    interval over the number of parts stands in, since that many parts is all that was seen.
    """
    if parts == 0:
        return None
    if share in (0.0, 1.0):
        return wilson_interval(share * parts, parts)
    spread = spread_of(values)
    return None if spread is None else (min(spread[0], share), max(spread[1], share))


def _chance_of_at_most(events: int, trials: int, rate: float) -> float:
    if rate >= 1.0:
        return 0.0
    counts = np.arange(events + 1)
    steps = np.log(trials - counts[:-1]) - np.log(counts[1:])
    ways = np.concatenate(([0.0], np.cumsum(steps)))
    return float(
        np.exp(ways + counts * math.log(rate) + (trials - counts) * math.log1p(-rate)).sum()
    )
