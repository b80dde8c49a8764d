"""Whether a score of 0.8 means eight in ten: reliability, its error, and temperature scaling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.policy import probabilities
from training.errors import DataError
from training.evaluate import Scores, Truth
from training.intervals import Interval, wilson_interval

BINS = 10
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.1, 20.0

_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_STEPS = 60


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Pictures whose score lies in one stretch: what they score and how many are defective."""

    low: float
    high: float
    pictures: int
    mean_score: float
    defective_share: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Calibration:
    """Scores held against what came true; only bins with pictures in them are listed.

    `ece` is the mean distance of score and share over the bins, weighted by their pictures (Guo and
    others, 2017); `brier` the mean square of the error of each score (Brier, 1950).
    """

    ece: float
    brier: float
    bins: tuple[ReliabilityBin, ...]


def measure_calibration(scores: Scores, truth: Truth, bins: int = BINS) -> Calibration | None:
    """Return how far scores may be read as chances; None without a picture."""
    if len(scores) == 0:
        return None
    place = np.minimum((scores * bins).astype(np.intp), bins - 1)
    found = tuple(
        _measure_bin(scores[place == number], truth[place == number], number, bins)
        for number in np.unique(place).tolist()
    )
    gaps = [one.pictures * abs(one.mean_score - one.defective_share) for one in found]
    return Calibration(
        ece=sum(gaps) / len(scores), brier=float(((scores - truth) ** 2).mean()), bins=found
    )


def fit_temperature(logits: NDArray[np.floating], labels_onehot: NDArray[np.floating]) -> float:
    """Return the temperature under which validation logits are the most likely (Guo et al., 2017).

    `logits` and `labels_onehot` have shape (pictures, labels). The order of the labels in a picture
    stays, so accuracy does; scores move, so thresholds are chosen afterwards. Labels count as
    (n + 1) / (n + 2) of certain for n pictures of theirs (Platt, 1999): a validation without a
    mistake would else ask for infinite confidence. Raises DataError without pictures.
    """
    if len(logits) == 0 or logits.shape != labels_onehot.shape:
        raise DataError("a temperature is fitted on validation logits and as many labels; got none")
    wanted = _platt_targets(np.asarray(labels_onehot, np.float64))
    raw = np.asarray(logits, np.float32)

    def loss(log_temperature: float) -> float:
        shares = probabilities(raw, math.exp(log_temperature))
        return float(-(wanted * np.log(np.maximum(shares, 1e-300))).sum(axis=1).mean())

    return math.exp(_least(loss, math.log(LOWEST_TEMPERATURE), math.log(HIGHEST_TEMPERATURE)))


def _least(loss: Callable[[float], float], low: float, high: float) -> float:
    """Return where a loss with one valley is least, by golden sections."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = loss(left), loss(right)
    for _ in range(_STEPS):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = loss(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = loss(right)
    return (low + high) / 2


def _measure_bin(scores: Scores, truth: Truth, number: int, bins: int) -> ReliabilityBin:
    bad = int(truth.sum())
    return ReliabilityBin(
        low=number / bins,
        high=(number + 1) / bins,
        pictures=len(scores),
        mean_score=float(scores.mean()),
        defective_share=bad / len(scores),
        interval=wilson_interval(bad, len(scores)),
    )


def _platt_targets(labels: NDArray[np.float64]) -> NDArray[np.float64]:
    counts = labels.sum(axis=0)
    certain = (counts + 1.0) / (counts + 2.0)
    doubt = (1.0 - certain) / max(1, labels.shape[1] - 1)
    others = (1.0 - labels) * (labels @ doubt)[:, np.newaxis]
    targets: NDArray[np.float64] = labels * certain + others
    return targets
