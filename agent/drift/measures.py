"""How far a figure's distribution is from its reference: PSI over bins, and a two-sided CUSUM."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from agent.errors import ModelError
from bundle.reference import MOST_BINS, FigureReference, cut

MOST_SCORE = 3.0  # one odd part must not be worth many


@dataclass(frozen=True, slots=True)
class Bins:
    """How often a figure fell between edges, over so many parts.

    Bin 0 lies below the first edge, the last bin at or above the last one: `shares` is one longer
    than `edges`.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    parts: int

    @classmethod
    def known(cls, figure: FigureReference | None) -> Bins | None:
        """Return the bins that a bundle has for a figure, if it has any."""
        return None if figure is None else cls(figure.edges, figure.shares, figure.parts)

    def __post_init__(self) -> None:
        """Refuse what cannot be a distribution. Raises ModelError."""
        ordered = all(low < high for low, high in zip(self.edges, self.edges[1:], strict=False))
        finite = all(map(math.isfinite, (*self.edges, *self.shares)))
        fits = 1 <= len(self.edges) < MOST_BINS and len(self.shares) == len(self.edges) + 1
        # A NaN among the edges is not ordered and one among the shares has no sum.
        whole = finite and min(self.shares, default=-1) >= 0 and abs(sum(self.shares) - 1) < 1e-6
        if not (fits and ordered and whole and self.parts >= 1):
            raise ModelError("a reference for drift has edges in order and shares that add up to 1")

    def place(self, value: float) -> int:
        """Return the bin of a value."""
        return bisect_right(self.edges, value)

    def expected(self) -> tuple[float, ...]:
        """Return the shares with half a part more in each bin: what was never seen is not never."""
        counts = [share * self.parts + 0.5 for share in self.shares]
        whole = sum(counts)  # shares may add up to 1 but for a hair
        return tuple(count / whole for count in counts)


def make_bins(values: Sequence[float]) -> Bins:
    """Return bins that hold about a tenth of the values each, and one beyond either end.

    A value that is frequent, as a score of zero, makes one large bin.
    """
    return Bins(*cut(values, [1.0] * len(values)), len(values))


def stability_index(expected: Sequence[float], counts: Sequence[int]) -> float:
    """Return the population stability index of counts against expected shares.

    Siddiqi, Credit Risk Scorecards (2006): under 0.1 no change, over 0.25 a change to act on.
    """
    whole = sum(counts) + 0.5 * len(counts)
    index = 0.0
    for share, count in zip(expected, counts, strict=True):
        found = (count + 0.5) / whole
        index += (found - share) * math.log(found / share)
    return index


def index_noise(bins: int, reference_parts: int, parts: int) -> float:
    """Return what the index reaches by chance next to never, when nothing has changed.

    Yurdakul (2018): without a change the index is about (1/n + 1/m) times a chi-square with
    bins - 1 degrees of freedom. This is its mean plus six standard deviations.
    """
    freedom = bins - 1
    return (freedom + 6 * math.sqrt(2 * freedom)) * (1 / reference_parts + 1 / parts)


def bin_scores(expected: Sequence[float]) -> tuple[float, ...]:
    """Return a normal score for each bin: mean 0 and variance 1 where nothing has changed.

    With scores of ranks in place of values a CUSUM needs no unit, no normal distribution and no
    spread: van der Waerden (1952).
    """
    normal = NormalDist()
    below, raw = 0.0, []
    for share in expected:
        raw.append(normal.inv_cdf(below + share / 2))
        below += share
    mean = sum(share * score for share, score in zip(expected, raw, strict=True))
    spread = math.sqrt(sum(s * (z - mean) ** 2 for s, z in zip(expected, raw, strict=True)))
    return tuple(max(-MOST_SCORE, min(MOST_SCORE, (z - mean) / spread)) for z in raw)


def allowance_of(parts: int) -> float:
    """Return the allowance for a CUSUM against a reference of so many parts.

    So many parts know their mean to 1/sqrt(parts) standard deviations. Another lot, just as good,
    lies off by some of that; three times that is no drift yet.
    """
    return Cusum.ALLOWANCE + 3 / math.sqrt(parts)


class Cusum:
    """Page's cumulative sum (1954), both sides: finds a small shift that lasts.

    With an allowance of half a standard deviation and a limit of 20 it answers a shift by one
    standard deviation after about 40 parts, and chance alone once in some 100 million.
    """

    ALLOWANCE = 0.5
    LIMIT = 20.0
    OVER = 5.0
    MOST = 30.0  # bounded, so that it comes back once the line does

    def __init__(self, allowance: float = ALLOWANCE) -> None:
        self._allowance = allowance
        self.up = 0.0
        self.down = 0.0

    def add(self, score: float) -> None:
        """Add one part's score."""
        self.up = min(self.MOST, max(0.0, self.up + score - self._allowance))
        self.down = min(self.MOST, max(0.0, self.down - score - self._allowance))

    @property
    def value(self) -> float:
        """Return the larger sum, negative for a shift downwards."""
        return self.up if self.up >= self.down else -self.down
