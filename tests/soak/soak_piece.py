"""What a piece of the soak is: so many trials, in slices that can be taken up again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

# Runs trials `first` to `first + count` of a seed and returns what was counted meanwhile.
# A promise that is broken is an AssertionError.
RunSlice = Callable[[int, int, int], Counter]


@dataclass(frozen=True)
class Piece:
    """One figure of the release: `unit` is what a trial is, `promise` what no trial may break."""

    name: str
    unit: str
    promise: str
    rows: str
    total: int
    slice_size: int
    run: RunSlice


def bound(trials: int) -> float:
    """Return what no event in so many trials proves: a rate below this, with 95 % confidence."""
    return 3 / trials if trials else 1.0
