"""Finds a reject rate that creeps: its slope over the last parts, with its confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from agent.records import Event, VerdictKind

BLOCK_PARTS = 1000
BLOCKS = 24
FEWEST_BLOCKS = 8
FEWEST_REJECTS = 8  # on either side: a sum of fewer block numbers is not near enough to normal
BEGIN_Z = 4.0
END_Z = 2.0
INTERVAL_Z = 1.96

# "learning" until there are enough blocks.
Direction = Literal["learning", "steady", "rising", "falling"]


@dataclass(frozen=True, slots=True)
class TrendStatus:
    """The reject rate over the last blocks of parts.

    Rates are shares; `per_1000` is the change of the rate with each 1000 parts, with its 95 %
    interval. `confidence` is 1 - p of the two-sided test that the rate stands still.
    """

    parts: int
    rejected: int
    rate: float | None
    rate_now: float | None  # at the end of the fitted line
    per_1000: float | None
    per_1000_low: float | None
    per_1000_high: float | None
    confidence: float | None
    doubles_in_parts: int | None  # at this slope; None unless the rate is rising
    trend: Direction


LEARNING = TrendStatus(0, 0, None, None, None, None, None, None, None, "learning")


@dataclass(frozen=True, slots=True)
class Slope:
    """A straight line through the reject rates of blocks, oldest first."""

    rate: float
    per_block: float
    error: float  # of `per_block`, where the rate stands still
    z: float


class Trend:
    """Counts rejects in blocks of parts; one lane calls `observe`, anybody `status`.

    REJECT and RECHECK count: what the model did not pass. What was not inspected says nothing.
    """

    def __init__(self, *, block_parts: int = BLOCK_PARTS, blocks: int = BLOCKS) -> None:
        self._block_parts = block_parts
        self._blocks = [0] * blocks
        self._complete = 0
        self._parts = 0
        self._rejected = 0
        self._trend: Direction = "steady"
        self._status = LEARNING

    def observe(self, kind: VerdictKind, at_ns: int) -> tuple[Event, ...]:
        """Take in one verdict; returns what began or ended with it."""
        if kind is VerdictKind.UNINSPECTED:
            return ()
        self._parts += 1
        self._rejected += kind is not VerdictKind.PASS
        if self._parts < self._block_parts:
            return ()
        self._blocks[self._complete % len(self._blocks)] = self._rejected
        self._complete += 1
        self._parts = self._rejected = 0
        return tuple(Event(kind, text, at_ns) for kind, text in self._check())

    def status(self) -> TrendStatus:
        """Return the trend as of the last complete block."""
        return self._status

    def _ordered(self) -> list[int]:
        """Return the rejects of the blocks, oldest first."""
        if self._complete < len(self._blocks):
            return self._blocks[: self._complete]
        at = self._complete % len(self._blocks)
        return self._blocks[at:] + self._blocks[:at]

    def _check(self) -> list[tuple[str, str]]:
        rejects = self._ordered()
        if len(rejects) < FEWEST_BLOCKS:
            return []
        slope = fit_slope(rejects, self._block_parts)
        before = self._trend
        self._trend = turned(before, slope.z)
        self._status = self._described(rejects, slope)
        if self._trend == before:
            return []
        if self._trend == "steady":
            return [("reject_trend_over", f"the reject rate stands still at {slope.rate:.2%}")]
        return [("reject_trend", _text(self._status))]

    def _described(self, rejects: list[int], slope: Slope) -> TrendStatus:
        per_1000 = slope.per_block * 1000 / self._block_parts
        reach = INTERVAL_Z * slope.error * 1000 / self._block_parts
        rate_now = slope.rate + slope.per_block * (len(rejects) - 1) / 2
        rising = self._trend == "rising" and per_1000 > 0
        return TrendStatus(
            parts=len(rejects) * self._block_parts,
            rejected=sum(rejects),
            rate=slope.rate,
            rate_now=min(1.0, max(0.0, rate_now)),
            per_1000=per_1000,
            per_1000_low=per_1000 - reach,
            per_1000_high=per_1000 + reach,
            confidence=math.erf(abs(slope.z) / math.sqrt(2)),
            doubles_in_parts=round(rate_now / per_1000 * 1000) if rising else None,
            trend=self._trend,
        )


def fit_slope(rejects: list[int], block_parts: int) -> Slope:
    """Fit a line through the reject rates of equal blocks; at least two.

    The test is that of Cochran (1954) and Armitage (1955), the score test of a logistic slope: it
    takes the variance of parts that are rejected independently at one rate. With few rejects, or
    few that are not, z is 0: they prove nothing.
    """
    blocks, total = len(rejects), sum(rejects)
    parts = blocks * block_parts
    rate = total / parts
    centre = (blocks - 1) / 2
    squares = block_parts * sum((at - centre) ** 2 for at in range(blocks))
    per_block = sum((at - centre) * count for at, count in enumerate(rejects)) / squares
    # Where all parts are rejected, or none, half a part keeps the error from being none.
    safe_rate = (total + 0.5) / (parts + 1)
    error = math.sqrt(safe_rate * (1 - safe_rate) / squares)
    enough = min(total, parts - total) >= FEWEST_REJECTS
    return Slope(rate, per_block, error, per_block / error if enough else 0.0)


def turned(trend: Direction, z: float) -> Direction:
    """Return the trend after a check, with hysteresis."""
    if abs(z) >= BEGIN_Z:
        return "rising" if z > 0 else "falling"
    held = (trend == "rising" and z >= END_Z) or (trend == "falling" and z <= -END_Z)
    return trend if held else "steady"


def _text(status: TrendStatus) -> str:
    points = 100 * (status.per_1000 or 0.0)
    low, high = 100 * (status.per_1000_low or 0.0), 100 * (status.per_1000_high or 0.0)
    cause = "tool, mould and light" if points > 0 else "the model may be missing defects: light"
    return (
        f"the reject rate is {status.trend}: {status.rate:.2%} over {status.parts} parts, now "
        f"about {status.rate_now:.2%}, {points:+.3f} points per 1000 parts "
        f"(95 %: {low:+.3f} to {high:+.3f}); look at {cause}"
    )
