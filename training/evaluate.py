"""Scores and truth -> the paper's metrics with their intervals; defective is the positive class."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import Thresholds
from bundle.policy import Decision, decide

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]
Interval = tuple[float, float]

DECISION_THRESHOLD = 0.5  # the larger of two probabilities, as the paper decides
_Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of pictures: true and false, positives and negatives."""

    tp: int
    fn: int
    fp: int
    tn: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures at one threshold; None where a figure has nothing to be counted on."""

    accuracy: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    specificity: float | None
    auc: float | None
    confusion: Confusion
    pictures: int
    threshold: float
    intervals: dict[str, Interval]


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


def measure_scores(scores: Scores, truth: Truth, threshold: float = DECISION_THRESHOLD) -> Metrics:
    """Return all metrics, a picture being called defective from `threshold` on."""
    called = scores >= threshold
    tp, fn = int((called & truth).sum()), int((~called & truth).sum())
    fp, tn = int((called & ~truth).sum()), int((~called & ~truth).sum())
    ratios = {
        "accuracy": (tp + tn, tp + tn + fp + fn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "specificity": (tn, tn + fp),
    }
    return Metrics(
        accuracy=_ratio(*ratios["accuracy"]),
        precision=_ratio(*ratios["precision"]),
        recall=_ratio(*ratios["recall"]),
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
        specificity=_ratio(*ratios["specificity"]),
        auc=area_under_roc(scores, truth),
        confusion=Confusion(tp, fn, fp, tn),
        pictures=tp + fn + fp + tn,
        threshold=threshold,
        intervals={name: wilson_interval(*pair) for name, pair in ratios.items() if pair[1]},
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


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return the 95 % interval of a share by Wilson's score; it holds for 0 and 1 too."""
    share, squared = successes / trials, _Z95**2
    centre = (share + squared / (2 * trials)) / (1 + squared / trials)
    spread = math.sqrt(share * (1 - share) / trials + squared / (4 * trials**2))
    half = _Z95 * spread / (1 + squared / trials)
    # At the ends the exact bounds are 0 and 1; rounding must not leave them.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == trials else min(1.0, centre + half)
    return low, high


def area_under_roc(scores: Scores, truth: Truth) -> float | None:
    """Return the chance that a defective part scores above a good one; a tie counts one half."""
    defective, good = scores[truth], np.sort(scores[~truth])
    if len(defective) == 0 or len(good) == 0:
        return None
    below = np.searchsorted(good, defective, side="left")
    not_above = np.searchsorted(good, defective, side="right")
    return float((below + not_above).sum() / (2.0 * len(defective) * len(good)))


def roc_curve(scores: Scores, truth: Truth) -> tuple[Scores, Scores]:
    """Return false and true positive rates over all thresholds, from (0, 0) to (1, 1)."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], truth[order]
    last_of_tie = np.append(np.diff(ranked) != 0, True)
    true = np.cumsum(hits)[last_of_tie] / max(1, int(truth.sum()))
    false = np.cumsum(~hits)[last_of_tie] / max(1, int((~truth).sum()))
    return np.insert(false, 0, 0.0), np.insert(true, 0, 0.0)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
