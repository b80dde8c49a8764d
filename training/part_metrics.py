"""The figures a plant means: by physical part, whatever the number of its pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluate import Parts, Scores, Truth
from training.intervals import (
    Interval,
    Weights,
    interval_by_part,
    resample_parts,
    upper_bound,
    wilson_interval,
)


@dataclass(frozen=True, slots=True)
class PartFigures:
    """Recall and false rejects counted by part; None where there is no part of that kind.

    A picture is caught when its score is at least `pass_below` (the line does not pass it), and
    rejected from `reject_from` on. `recall_by_part_any_miss` is the strict figure: the share of
    defective parts of which every picture is caught, since a line sees a part in one picture that
    nobody chose. `mean_recall_by_part` gives each part the share of its pictures that are caught:
    the chance that one picture of it, taken at random, stops it. `missed_always` counts defective
    parts of which no picture is caught. Good parts are counted in the same two ways.
    """

    pass_below: float
    reject_from: float
    defective_parts: int
    good_parts: int
    escaped_parts: int
    missed_always: int
    recall_by_part_any_miss: float | None
    recall_by_part_any_miss_interval: Interval | None
    mean_recall_by_part: float | None
    mean_recall_by_part_interval: Interval | None
    escape_rate_upper_bound: float
    falsely_rejected_parts: int
    false_rejects_by_part: float | None
    false_rejects_by_part_interval: Interval | None
    mean_false_rejects_by_part: float | None
    mean_false_rejects_by_part_interval: Interval | None


@dataclass(frozen=True, slots=True)
class WorstPart:
    """A part that is judged worst: how many pictures go wrong, and the picture furthest off.

    `part` is None where the parts are not known and each picture stands for itself; `place` is the
    position of that picture among those evaluated.
    """

    part: int | None
    defective: bool
    pictures: int
    wrong: int
    score: float
    place: int


@dataclass(frozen=True, slots=True)
class _Shares:
    """Of each part, how many pictures there are and how many of them are flagged."""

    pictures: NDArray[np.int64]
    flagged: NDArray[np.int64]

    @property
    def any(self) -> int:
        """Return how many parts have a flagged picture."""
        return int((self.flagged > 0).sum())

    @property
    def every(self) -> int:
        """Return how many parts have no picture that is not flagged."""
        return int((self.flagged == self.pictures).sum())

    @property
    def count(self) -> int:
        """Return the number of parts."""
        return len(self.pictures)


def measure_parts(
    scores: Scores,
    truth: Truth,
    parts: Parts,
    pass_below: float,
    reject_from: float | None = None,
) -> PartFigures:
    """Return the figures by part; with one threshold a picture is either passed or rejected.

    A part that stands under both labels counts once as defective, by its defective pictures, and
    once as good.
    """
    reject_from = pass_below if reject_from is None else reject_from
    missed = _shares(parts[truth], scores[truth] < pass_below)
    rejected = _shares(parts[~truth], scores[~truth] >= reject_from)
    found = missed.count - missed.any
    mean_missed, mean_missed_interval = _mean_share(missed)
    mean_false, mean_false_interval = _mean_share(rejected)
    return PartFigures(
        pass_below=pass_below,
        reject_from=reject_from,
        defective_parts=missed.count,
        good_parts=rejected.count,
        escaped_parts=missed.any,
        missed_always=missed.every,
        recall_by_part_any_miss=_ratio(found, missed.count),
        recall_by_part_any_miss_interval=_wilson(found, missed.count),
        mean_recall_by_part=None if mean_missed is None else 1.0 - mean_missed,
        mean_recall_by_part_interval=_mirrored(mean_missed_interval),
        escape_rate_upper_bound=upper_bound(missed.any, missed.count),
        falsely_rejected_parts=rejected.any,
        false_rejects_by_part=_ratio(rejected.any, rejected.count),
        false_rejects_by_part_interval=_wilson(rejected.any, rejected.count),
        mean_false_rejects_by_part=mean_false,
        mean_false_rejects_by_part_interval=mean_false_interval,
    )


def parts_under_two_labels(truth: Truth, parts: Parts) -> int:
    """Return how many parts are defective in one picture and good in another: a contradiction."""
    return len(np.intersect1d(parts[truth], parts[~truth]))


def worst_parts(
    scores: Scores,
    truth: Truth,
    parts: Parts | None,
    threshold: float,
    *,
    defective: bool,
    most: int = 8,
) -> tuple[WorstPart, ...]:
    """Return the parts of one kind with the most wrong pictures, the furthest off first.

    A picture of a defective part is wrong where it scores below the threshold, one of a good part
    from it on. After the parts with such pictures come those that were nearest to one.
    """
    places = np.flatnonzero(truth == defective)
    groups = places if parts is None else parts[places]
    wrong = scores[places] < threshold if defective else scores[places] >= threshold
    distance = -scores[places] if defective else scores[places]
    found = []
    for number in np.unique(groups).tolist():
        own = np.flatnonzero(groups == number)
        worst = own[int(distance[own].argmax())]
        found.append(
            WorstPart(
                part=None if parts is None else int(number),
                defective=defective,
                pictures=len(own),
                wrong=int(wrong[own].sum()),
                score=float(scores[places[worst]]),
                place=int(places[worst]),
            )
        )
    side = 1.0 if defective else -1.0
    found.sort(key=lambda one: (-one.wrong / one.pictures, side * one.score, one.place))
    return tuple(found[:most])


def _shares(parts: Parts, flags: NDArray[np.bool_]) -> _Shares:
    numbers, place = np.unique(parts, return_inverse=True)
    flagged = np.bincount(place, flags, len(numbers)).astype(np.int64)
    return _Shares(np.bincount(place, minlength=len(numbers)), flagged)


def _mean_share(shares: _Shares) -> tuple[float | None, Interval | None]:
    """Return the mean over parts of the flagged share, and its interval from resampled parts."""
    if shares.count == 0:
        return None, None
    each = shares.flagged / shares.pictures

    def mean(weights: Weights) -> NDArray[np.float64]:
        return (weights @ each)[:, np.newaxis] / shares.count

    share = float(each.mean())
    return share, interval_by_part(share, shares.count, resample_parts(shares.count, mean)[:, 0])


def _mirrored(interval: Interval | None) -> Interval | None:
    return None if interval is None else (1.0 - interval[1], 1.0 - interval[0])


def _wilson(count: int, total: int) -> Interval | None:
    return wilson_interval(count, total) if total else None


def _ratio(count: int, total: int) -> float | None:
    return count / total if total else None
