"""Scores and truth -> the paper's metrics with their intervals; defective is the positive class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import Thresholds
from bundle.policy import Decision, decide
from training.curves import area_under_roc, average_precision
from training.intervals import Interval, wilson_interval
from training.part_intervals import intervals_by_part

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]
Parts = NDArray[np.int64]

DECISION_THRESHOLD = 0.5  # the larger of two probabilities, as the paper decides


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of pictures: true and false, positives and negatives."""

    tp: int
    fn: int
    fp: int
    tn: int

    @property
    def accuracy(self) -> float | None:
        """Return equation 1: (TP + TN) / (TP + TN + FP + FN)."""
        return _ratio(self.tp + self.tn, self.tp + self.tn + self.fp + self.fn)

    @property
    def precision(self) -> float | None:
        """Return equation 2: TP / (TP + FP)."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        """Return equation 3: TP / (TP + FN)."""
        return _ratio(self.tp, self.tp + self.fn)

    @property
    def f1(self) -> float | None:
        """Return equation 4: 2 * precision * recall / (precision + recall).

        Written by counts it is 2 TP / (2 TP + FP + FN), which also holds where nothing is found.
        """
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def specificity(self) -> float | None:
        """Return equation 5: TN / (TN + FP)."""
        return _ratio(self.tn, self.tn + self.fp)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures at one threshold; None where a figure has nothing to be counted on.

    `intervals` take each picture for itself (Wilson). Several pictures of one part are no such
    thing: `intervals_by_part`, where the parts are known, resample whole parts.
    """

    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    specificity: float | None
    auc: float | None
    average_precision: float | None
    confusion: Confusion
    pictures: int
    threshold: float
    intervals: dict[str, Interval]
    intervals_by_part: dict[str, Interval] | None


@dataclass(frozen=True, slots=True)
class BandCounts:
    """What the line would do with the pictures at the model's own thresholds."""

    reject_at: float
    recheck_at: float
    escapes: int
    escape_rate: float | None
    escape_rate_interval: Interval | None
    false_rejects: int
    rechecks: int
    defective: int
    good: int


def measure_scores(
    scores: Scores,
    truth: Truth,
    threshold: float = DECISION_THRESHOLD,
    parts: Parts | None = None,
) -> Metrics:
    """Return all metrics, a picture being called defective from `threshold` on.

    `parts` numbers the physical part of each picture, where that is known.
    """
    called = scores >= threshold
    counts = Confusion(
        tp=int((called & truth).sum()),
        fn=int((~called & truth).sum()),
        fp=int((called & ~truth).sum()),
        tn=int((~called & ~truth).sum()),
    )
    ratios = {
        "accuracy": (counts.tp + counts.tn, len(scores)),
        "precision": (counts.tp, counts.tp + counts.fp),
        "recall": (counts.tp, counts.tp + counts.fn),
        "specificity": (counts.tn, counts.tn + counts.fp),
    }
    return Metrics(
        accuracy=counts.accuracy,
        precision=counts.precision,
        recall=counts.recall,
        f1=counts.f1,
        specificity=counts.specificity,
        auc=area_under_roc(scores, truth),
        average_precision=average_precision(scores, truth),
        confusion=counts,
        pictures=len(scores),
        threshold=threshold,
        intervals={name: wilson_interval(*pair) for name, pair in ratios.items() if pair[1]},
        intervals_by_part=(
            None if parts is None else intervals_by_part(scores, truth, parts, threshold)
        ),
    )


def count_band(scores: Scores, truth: Truth, thresholds: Thresholds) -> BandCounts:
    """Return what `bundle.policy` decides: an escape is a defective part that is passed."""
    decisions = [decide(float(score), thresholds) for score in scores]
    pairs = list(zip(decisions, truth.tolist(), strict=True))
    escapes = sum(bad and decision is Decision.PASS for decision, bad in pairs)
    defective = int(truth.sum())
    return BandCounts(
        reject_at=thresholds.reject_at,
        recheck_at=thresholds.recheck_at,
        escapes=escapes,
        escape_rate=_ratio(escapes, defective),
        escape_rate_interval=wilson_interval(escapes, defective) if defective else None,
        false_rejects=sum(not bad and decision is Decision.REJECT for decision, bad in pairs),
        rechecks=sum(decision is Decision.RECHECK for decision in decisions),
        defective=defective,
        good=len(decisions) - defective,
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
