"""From marks of ten parts to the delay between photo-eye and gate; pure arithmetic."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from agent.errors import ConfigError

MIN_GUARD_MS = 8.0
LEAST_PARTS = 3
# A guard of half the delay or more says nothing: it was pressed at random.
MOST_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class Delay:
    """What was measured: the delay, a guard that covers its scatter, and the scatter itself."""

    delay_ms: float
    guard_ms: float
    spread_ms: float
    parts: int


def pair(seen_ns: Sequence[int], marked_ns: Sequence[int]) -> list[float]:
    """Return how long each marked part took, in milliseconds.

    A mark belongs to the last part seen before it; parts without a mark and marks without a part
    are left out.
    """
    taken_ms = []
    begin_ns: int | None = None
    for at_ns, is_mark in sorted([(t, False) for t in seen_ns] + [(t, True) for t in marked_ns]):
        if not is_mark:
            begin_ns = at_ns
        elif begin_ns is not None:
            taken_ms.append((at_ns - begin_ns) / 1e6)
            begin_ns = None
    return taken_ms


def estimate(taken_ms: Sequence[float]) -> Delay:
    """Return the delay from single parts: the median, which one slip of a finger leaves alone.

    Raises ConfigError when the parts say too different things.
    """
    if len(taken_ms) < LEAST_PARTS:
        raise ConfigError(f"only {len(taken_ms)} parts were measured: at least 3 are needed")
    middle = statistics.median(taken_ms)
    away = sorted(abs(one - middle) for one in taken_ms)
    # The worst fifth is left out: a part that was pressed too late is not the belt's scatter.
    spread = away[math.ceil(len(away) * 0.8) - 1]
    if spread >= MOST_SPREAD * middle:
        raise ConfigError(
            f"the parts took from {min(taken_ms):.0f} to {max(taken_ms):.0f} ms: send them one at "
            "a time and measure again"
        )
    guard = max(MIN_GUARD_MS, math.ceil(spread))
    return Delay(round(middle, 1), float(guard), round(spread, 1), len(taken_ms))
