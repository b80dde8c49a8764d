"""Batch norms that tell the truth about the data, so that what is changed upstream does no harm.

A network that was taught with the norms of its first weights keeps averages of other pictures:
behind them channels lie anywhere, one at 79 and the next at 0.3. It has learned to live with that,
and with nothing else: let one batch move those averages, or one activation change by a tenth, and
nothing is left of what it knew. So the averages are put right first, at no change of what it
computes; then they may follow what changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray


def rebase_norms(network: Any, batches: Iterable[NDArray[Any]]) -> None:
    """Give the network's batch norms the averages of these pictures; it computes what it did.

    gamma (x - m) / sqrt(v + eps) + beta with the old mean m and variance v is the same with those
    of the data, mu and s, once gamma is gamma sqrt((s + eps) / (v + eps)) and beta is beta + gamma
    (mu - m) / sqrt(v + eps). `batches` have shape (pictures, height, width, channels); they count
    alike. Without any nothing changes.
    """
    norms = _norms_of(network)
    if not norms:
        return
    heard = keras.Model(network.input, [norm.input for norm in norms])
    sums = [_Sums() for _ in norms]
    for pictures in batches:
        for one, values in zip(
            sums, keras.tree.flatten(heard(pictures, training=False)), strict=True
        ):
            one.add(np.asarray(values, np.float64))
    for norm, one in zip(norms, sums, strict=True):
        if one.count:
            _rebase(norm, one)


def follow_data(network: Any, batches: Iterable[NDArray[Any]]) -> None:
    """Let the averages follow what flows through the network now, after its layers changed.

    What each norm puts out then has the mean and spread that it had before the change, if the norms
    were rebased before it.
    """
    norms = _norms_of(network)
    before = [(norm.trainable, norm.momentum) for norm in norms]
    for norm in norms:
        norm.trainable = True
    with _nothing_dropped(network):
        for number, pictures in enumerate(batches):
            for norm in norms:  # the mean of all batches: a rest of the old averages would spoil it
                norm.momentum = number / (number + 1.0)
            network(pictures, training=True)
    for norm, (trainable, momentum) in zip(norms, before, strict=True):
        norm.trainable, norm.momentum = trainable, momentum


@contextmanager
def _nothing_dropped(network: Any) -> Iterator[None]:
    """Let no layer drop anything: what is dropped in training would be in the averages."""
    layers = [one for one in network.layers if isinstance(one, keras.layers.Dropout)]
    rates = [layer.rate for layer in layers]
    for layer in layers:
        layer.rate = 0.0
    try:
        yield
    finally:
        for layer, rate in zip(layers, rates, strict=True):
            layer.rate = rate


class _Sums:
    """Sum and sum of squares of each channel."""

    def __init__(self) -> None:
        self.count = 0
        self.values: Any = 0.0
        self.squares: Any = 0.0

    def add(self, values: NDArray[np.float64]) -> None:
        rows = values.reshape(-1, values.shape[-1])
        self.count += len(rows)
        self.values = self.values + rows.sum(axis=0)
        self.squares = self.squares + np.square(rows).sum(axis=0)


def _rebase(norm: Any, sums: _Sums) -> None:
    mean = sums.values / sums.count
    variance = np.maximum(sums.squares / sums.count - np.square(mean), 0.0)
    gamma, beta, old_mean, old_variance = (one.astype(np.float64) for one in norm.get_weights())
    factor = gamma / np.sqrt(old_variance + norm.epsilon)
    shifted = beta + factor * (mean - old_mean)
    norm.set_weights([factor * np.sqrt(variance + norm.epsilon), shifted, mean, variance])


def _norms_of(network: Any) -> list[Any]:
    return [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization)]
