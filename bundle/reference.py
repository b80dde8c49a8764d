"""How the line looks when it is as it should be: what of each figure lay where, over good parts."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from pydantic import BaseModel, ConfigDict, Field, model_validator

INNER_BINS = 10
MOST_BINS = 64
FIGURES = ("score", "brightness", "sharpness")


class FigureReference(BaseModel):
    """How often a figure fell between edges, every part counted once, over so many parts.

    Bin 0 lies below the first edge, the last bin at or above the last one: `shares` is one longer
    than `edges`.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    edges: tuple[float, ...] = Field(min_length=1, max_length=MOST_BINS - 1)
    shares: tuple[float, ...] = Field(min_length=2, max_length=MOST_BINS)
    parts: int = Field(ge=1, le=10_000_000)

    @model_validator(mode="after")
    def _agree(self) -> FigureReference:
        if len(self.shares) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges do not go with {len(self.shares)} shares")
        if any(low >= high for low, high in zip(self.edges, self.edges[1:], strict=False)):
            raise ValueError("the edges are not in order")
        if min(self.shares) < 0 or abs(sum(self.shares) - 1) >= 1e-6:
            raise ValueError("the shares do not add up to 1")
        return self


class LineReference(BaseModel):
    """How pictures of good parts look; None of a figure that too few parts are known of.

    `gray` tells whether those pictures had no colour: of a colour frame another figure is measured.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    gray: bool
    score: FigureReference | None = None
    brightness: FigureReference | None = None
    sharpness: FigureReference | None = None

    @property
    def figures(self) -> dict[str, FigureReference]:
        """Return what is known, by the names of the figures."""
        found = {name: getattr(self, name) for name in FIGURES}
        return {name: one for name, one in found.items() if one is not None}


def cut(
    values: Sequence[float], weights: Sequence[float], *, beyond: bool = True
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return edges and shares of bins with about a tenth of the weight each.

    At least one value. One that is frequent, as a score of zero, makes one large bin. With `beyond`
    there is one more bin beyond either end, for what was never seen.
    """
    pairs = sorted(zip(values, weights, strict=True))
    reached = list(accumulate(weight for _, weight in pairs))
    whole = reached[-1]
    # A sum of weights is not exact: one that is a hair above a tenth is that tenth.
    tenths = [whole * step / INNER_BINS * (1 + 1e-9) for step in range(1, INNER_BINS)]
    inner = {pairs[min(bisect_right(reached, at), len(pairs) - 1)][0] for at in tenths}
    ends = {pairs[0][0], math.nextafter(pairs[-1][0], math.inf)} if beyond else set()
    edges = sorted(inner | ends)
    sums = [0.0] * (len(edges) + 1)
    for value, weight in pairs:
        sums[bisect_right(edges, value)] += weight
    return tuple(edges), tuple(one / whole for one in sums)
