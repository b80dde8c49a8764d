"""Intervals of the metrics from whole parts drawn again; one part's pictures go together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.curves import area_under_roc
from training.intervals import Interval, Weights, interval_by_part, resample_parts

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def intervals_by_part(
    scores: Floats, truth: Flags, parts: NDArray[np.int64], threshold: float
) -> dict[str, Interval]:
    """Return the 95 % interval of each metric, from whole parts drawn again and again."""
    numbers, place = np.unique(parts, return_inverse=True)
    called = scores >= threshold
    # Numerator and denominator of each metric, as sums over pictures.
    cells = {
        "accuracy": (called == truth, np.ones_like(truth)),
        "precision": (called & truth, called),
        "recall": (called & truth, truth),
        "f1": (2.0 * (called & truth), called.astype(float) + truth),
        "specificity": (~called & ~truth, ~truth),
    }
    sums = {
        name: tuple(np.bincount(place, cell, len(numbers)) for cell in pair)
        for name, pair in cells.items()
    }
    ordered = Ranks(scores, truth, place)

    def figures(weights: Weights) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            columns = [weights @ above / (weights @ below) for above, below in sums.values()]
            return np.stack([*columns, ordered.areas(weights)], axis=1)

    drawn = resample_parts(len(numbers), figures, cells=len(scores))
    found: dict[str, Interval] = {}
    for column, (name, (above, below)) in enumerate(sums.items()):
        if below.sum():
            share = float(above.sum() / below.sum())
            interval = interval_by_part(share, int((below > 0).sum()), drawn[:, column])
            found |= {} if interval is None else {name: interval}
    return found | ordered.interval(drawn[:, -1])


class Ranks:
    """Pictures in the order of their scores, ready for areas under weighted ROC curves."""

    def __init__(self, scores: Floats, truth: Flags, place: NDArray[np.intp]) -> None:
        order = np.argsort(scores, kind="stable")
        self._place, self._truth = place[order], truth[order]
        self._ties = np.flatnonzero(np.append(True, np.diff(scores[order]) != 0)[: len(order)])
        self._area = area_under_roc(scores, truth)
        self._least = min(len(np.unique(place[truth])), len(np.unique(place[~truth])))

    def areas(self, weights: Weights) -> Floats:
        """Return the area for each row of weights by part; NaN where one kind was not drawn."""
        pictures = weights[:, self._place]
        bad = np.add.reduceat(pictures * self._truth, self._ties, axis=1)
        good = np.add.reduceat(pictures * ~self._truth, self._ties, axis=1)
        below = np.cumsum(good, axis=1) - good / 2
        areas: Floats = (bad * below).sum(axis=1) / (bad.sum(axis=1) * good.sum(axis=1))
        return areas

    def interval(self, drawn: Floats) -> dict[str, Interval]:
        """Return the interval under its name; nothing where there is no area."""
        if self._area is None:
            return {}
        interval = interval_by_part(self._area, self._least, drawn)
        return {} if interval is None else {"auc": interval}
