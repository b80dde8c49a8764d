"""Where a network's even decision lies on validation parts, put at a score of one half."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError, ModelError
from training.evaluate import Parts, Truth

LARGEST_SHIFT = 10.0
LAST_LAYER = "head_logits"

_STEPS, _RIDGE = 200, 1e-3
_SMALLEST_SHIFT = 1e-3


def fit_shift(
    logits: NDArray[np.floating], bad: NDArray[np.bool_], truth: Truth, parts: Parts | None
) -> float:
    """Return what to add to the logits of the defective labels for an even decision at one half.

    A logistic regression on how far the defective labels (`bad`, a flag per label) stand above the
    others (Platt, 1999). Both kinds of parts weigh the same, and so do parts of a kind: the share
    of bad pictures in a folder says nothing about the line. Raises DataError where a kind is
    missing.
    """
    if not truth.any() or truth.all():
        raise DataError("validation needs defective and good pictures to find where they part")
    margins = _log_sum(logits[:, bad]) - _log_sum(logits[:, ~bad])
    weights = _weights(truth, np.arange(len(truth)) if parts is None else parts)
    certain = _certainty(min(int(truth.sum()), int((~truth).sum())))
    targets = np.where(truth, certain, 1.0 - certain)
    slope, offset = _fit_line(margins, targets, weights)
    if slope <= 0.0:  # the network is no better than chance: there is nothing to put right
        return 0.0
    shift = offset / slope
    if abs(shift) < _SMALLEST_SHIFT:
        return 0.0
    return float(np.clip(shift, -LARGEST_SHIFT, LARGEST_SHIFT))


def shift_model(model: Any, bad: NDArray[np.bool_], shift: float) -> None:
    """Add to the biases of the defective labels in a network's last layer. Raises ModelError."""
    layer = model.layers[-1]
    if layer.name != LAST_LAYER or layer.bias is None:
        raise ModelError(f"the network ends in {layer.name!r}, not in a dense layer {LAST_LAYER!r}")
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel, bias + (shift * bad).astype(bias.dtype)])


def _fit_line(
    margins: NDArray[np.float64], targets: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Return slope and offset of the logistic regression, by Newton's method.

    A small ridge holds the slope; none holds the offset, so that a second fit finds nothing to do.
    """
    ridge = np.diag([_RIDGE, 1e-9])
    rows = np.stack([margins, np.ones_like(margins)], axis=1)
    line = np.array([1.0, 0.0])
    for _ in range(_STEPS):
        shares = 1.0 / (1.0 + np.exp(-np.clip(rows @ line, -50.0, 50.0)))
        gradient = rows.T @ (weights * (shares - targets)) + ridge @ (line - [1.0, 0.0])
        curvature = (rows.T * (weights * shares * (1.0 - shares))) @ rows + ridge
        step = np.linalg.solve(curvature, gradient)
        line = line - step * min(1.0, 2.0 / float(np.abs(step).max() + 1e-12))
        if float(np.abs(step).max()) < 1e-9:
            break
    return float(line[0]), float(line[1])


def _weights(truth: Truth, parts: Parts) -> NDArray[np.float64]:
    weights = np.zeros(len(truth))
    for kind in (truth, ~truth):
        numbers, place = np.unique(parts[kind], return_inverse=True)
        weights[kind] = 0.5 / (len(numbers) * np.bincount(place)[place])
    return weights


def _certainty(pictures: int) -> float:
    """Return how far so many pictures of a kind may be believed; 1 would ask for infinity."""
    return (pictures + 1.0) / (pictures + 2.0)


def _log_sum(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    values = np.asarray(logits, np.float64)
    top = values.max(axis=1)
    summed: NDArray[np.float64] = top + np.log(np.exp(values - top[:, np.newaxis]).sum(axis=1))
    return summed
