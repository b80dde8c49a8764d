"""Scores and truth -> ROC and precision-recall curves and the areas under them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Truth = NDArray[np.bool_]


def roc_curve(scores: Scores, truth: Truth) -> tuple[Scores, Scores]:
    """Return false and true positive rates over all thresholds, from (0, 0) to (1, 1).

    Scores that tie share a threshold, so they are one step of the curve. A rate without anything
    to count stays 0.
    """
    true, false, _ = _count_steps(scores, truth)
    bad, good = max(1, int(truth.sum())), max(1, int((~truth).sum()))
    return np.insert(false / good, 0, 0.0), np.insert(true / bad, 0, 0.0)


def area_under_roc(scores: Scores, truth: Truth) -> float | None:
    """Return the chance that a defective part scores above a good one; a tie counts one half."""
    defective, good = scores[truth], np.sort(scores[~truth])
    if len(defective) == 0 or len(good) == 0:
        return None
    below = np.searchsorted(good, defective, side="left")
    not_above = np.searchsorted(good, defective, side="right")
    return float((below + not_above).sum() / (2.0 * len(defective) * len(good)))


def precision_recall_curve(scores: Scores, truth: Truth) -> tuple[Scores, Scores, Scores]:
    """Return precision, recall and threshold of every distinct score, the highest first.

    Without a defective picture there is no recall: all three are empty.
    """
    bad = int(truth.sum())
    if bad == 0:
        return np.empty(0), np.empty(0), np.empty(0)
    true, false, thresholds = _count_steps(scores, truth)
    return true / (true + false), true / bad, thresholds


def average_precision(scores: Scores, truth: Truth) -> float | None:
    """Return the mean of the precisions, each weighted by the recall that its step adds.

    Nothing is interpolated: a straight line between two steps would flatter the model.
    """
    precision, recall, _ = precision_recall_curve(scores, truth)
    if len(recall) == 0:
        return None
    return float((precision * np.diff(recall, prepend=0.0)).sum())


def corners(x: Scores, y: Scores) -> NDArray[np.bool_]:
    """Return which points of a curve cannot be left out: its ends and wherever it turns."""
    kept = np.ones(len(x), np.bool_)
    if len(x) > 2:
        steps_x, steps_y = np.diff(x), np.diff(y)
        kept[1:-1] = np.abs(steps_x[:-1] * steps_y[1:] - steps_y[:-1] * steps_x[1:]) > 1e-15
    return kept


def _count_steps(scores: Scores, truth: Truth) -> tuple[Scores, Scores, Scores]:
    """Return true and false positives and the score at each distinct score, falling."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], truth[order]
    last_of_tie = np.append(np.diff(ranked) != 0, True)[: len(ranked)]
    true = np.cumsum(hits)[last_of_tie].astype(np.float64)
    false = np.cumsum(~hits)[last_of_tie].astype(np.float64)
    return true, false, ranked[last_of_tie]
