"""The escape curve: bad parts passed against good ones rejected, and what the data can carry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError
from training.evaluate import Parts, Scores, Truth
from training.intervals import CONFIDENCE, upper_bound

Unit = Literal["picture", "part"]

WANTED_RECALL = 0.99
_MOST_POINTS = 200
_FIRST_ESCAPES = 50


@dataclass(frozen=True, slots=True)
class EscapePoint:
    """What one threshold would do: pictures from it on are rejected, those below it are passed.

    A defective part escapes where any picture of it is passed, a good one is falsely rejected where
    any picture of it is. The figures by part are None where the parts are not known. The upper
    bound is exact at 95 %; without parts it counts pictures, which flatters.
    """

    threshold: float
    escapes: int
    escape_rate: float | None
    escapes_by_part: int | None
    escape_rate_by_part: float | None
    escape_upper_bound: float
    false_rejects: int
    false_reject_rate: float | None
    false_rejects_by_part: int | None
    false_reject_rate_by_part: float | None


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Sorted scores: of defective and good pictures, and the worst picture of each part."""

    defective: Scores
    good: Scores
    defective_parts: Scores | None
    good_parts: Scores | None

    @property
    def counted(self) -> int:
        """Return the number of defective parts, or pictures, that a bound rests on."""
        return len(self.defective if self.defective_parts is None else self.defective_parts)

    def at(self, threshold: float) -> EscapePoint:
        """Return what this threshold would do."""
        escapes, false_rejects = _below(self.defective, threshold), _from(self.good, threshold)
        bad_parts, good_parts = self.defective_parts, self.good_parts
        by_part = None if bad_parts is None else _below(bad_parts, threshold)
        false_by_part = None if good_parts is None else _from(good_parts, threshold)
        counted = escapes if by_part is None else by_part
        return EscapePoint(
            threshold=threshold,
            escapes=escapes,
            escape_rate=_rate(escapes, self.defective),
            escapes_by_part=by_part,
            escape_rate_by_part=_rate(by_part, bad_parts),
            escape_upper_bound=upper_bound(counted, self.counted),
            false_rejects=false_rejects,
            false_reject_rate=_rate(false_rejects, self.good),
            false_rejects_by_part=false_by_part,
            false_reject_rate_by_part=_rate(false_by_part, good_parts),
        )

    def at_recall(self, recall: float, unit: Unit) -> EscapePoint | None:
        """Return the highest threshold that finds this share of the defective pictures or parts."""
        ranked = self.defective if unit == "picture" else self.defective_parts
        if ranked is None or len(ranked) == 0:
            return None
        return self.at(float(ranked[allowed_misses(1.0 - recall, len(ranked))]))


def tabulate(scores: Scores, truth: Truth, parts: Parts | None = None) -> ScoreTable:
    """Sort scores by truth, and by part the one that decides: lowest if bad, highest if good."""
    bad_parts = good_parts = None
    if parts is not None:
        bad_parts = np.sort(lowest_by_part(scores[truth], parts[truth]))
        good_parts = np.sort(-lowest_by_part(-scores[~truth], parts[~truth]))
    return ScoreTable(np.sort(scores[truth]), np.sort(scores[~truth]), bad_parts, good_parts)


def lowest_by_part(scores: Scores, parts: Parts) -> Scores:
    """Return the lowest score of each part, in order of the parts' numbers."""
    numbers, place = np.unique(parts, return_inverse=True)
    lowest = np.full(len(numbers), np.inf)
    np.minimum.at(lowest, place, scores)
    return lowest


def escape_curve(table: ScoreTable) -> tuple[EscapePoint, ...]:
    """Return the points of the curve by falling threshold, all where few escape, else some.

    Each distinct score is a threshold: in between, nothing changes.
    """
    scores = np.unique(np.concatenate((table.defective, table.good)))
    if len(scores) > _MOST_POINTS:
        ranked = table.defective if table.defective_parts is None else table.defective_parts
        spread = np.linspace(0, len(scores) - 1, _MOST_POINTS - _FIRST_ESCAPES).astype(np.intp)
        scores = np.unique(np.concatenate((ranked[:_FIRST_ESCAPES], scores[spread])))
    return tuple(table.at(float(score)) for score in scores[::-1])


def allowed_misses(rate: float, trials: int) -> int:
    """Return how many of `trials` a rate allows, always leaving one that is found."""
    return min(math.floor(rate * trials + 1e-9), max(trials - 1, 0))


def allowed_escapes(rate: float, parts: int) -> int:
    """Return how many of `parts` may escape for the upper bound to stay within `rate`.

    Raises DataError where not even none would do: the parts are too few for such a claim.
    """
    refuse_wish(rate, parts)
    kept, broken = 0, parts
    while broken - kept > 1:
        middle = (kept + broken) // 2
        if upper_bound(middle, parts) <= rate:
            kept = middle
        else:
            broken = middle
    return kept


def parts_needed(rate: float) -> int:
    """Return how many defective parts without an escape show a rate below this, at 95 %.

    The smallest n with (1 - rate)^n <= 0.05: 598 for half a percent. Raises DataError for what is
    no share between 0 and 1.
    """
    if not 0.0 < rate < 1.0:
        raise DataError(f"an escape rate lies between 0 and 1, and {rate:g} does not")
    return math.ceil(math.log(1.0 - CONFIDENCE) / math.log1p(-rate) - 1e-9)


def refuse_wish(rate: float, parts: int) -> None:
    """Raise DataError where this many defective parts cannot carry the wanted bound."""
    needed = parts_needed(rate)
    if parts < needed:
        raise DataError(
            f"below {100 * rate:.4g} % needs {needed} defective parts, you have {parts}"
        )


def _below(ranked: NDArray[np.float64], threshold: float) -> int:
    return int(np.searchsorted(ranked, threshold, side="left"))


def _from(ranked: NDArray[np.float64], threshold: float) -> int:
    return len(ranked) - _below(ranked, threshold)


def _rate(count: int | None, ranked: NDArray[np.float64] | None) -> float | None:
    return None if count is None or ranked is None or len(ranked) == 0 else count / len(ranked)
