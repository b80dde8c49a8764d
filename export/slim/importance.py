"""What each channel is worth: first-order Taylor on data, or the size of its norm's gamma."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.channels.groups import ChannelGroup, ChannelMap, map_channels
from export.channels.layout import gather_group
from export.channels.rules import opens_channels
from export.errors import SlimError

Importance = dict[str, NDArray[np.float64]]
# A layer's name -> a value for each of its channels.
Scores = Mapping[str, NDArray[np.float64]]
Batch = tuple[Any, Any, Any]


def taylor_importance(
    model: Any, batches: Iterable[Batch], label_smoothing: float = 0.0, *, few: bool = False
) -> Importance:
    """Return for each group how much the loss would change, squared, if a channel were not there.

    `batches` are pictures, one-hot truths and a weight for each picture; the loss is the
    cross-entropy of the logits, and norms use their averages. For each channel it is the mean over
    batches of (sum over its norms of gamma * dL/dgamma + beta * dL/dbeta) squared (Molchanov et
    al., CVPR 2019, on gates); without norms the same with the kernels and biases that make it.
    A `few` batches are rated without a graph, which takes longer to build. Raises SlimError.
    """
    channels = map_channels(model)
    layers = {name: model.get_layer(name) for name in _judged_layers(model, channels)}
    score = _score_function(model, layers, label_smoothing, few=few)
    totals = {group.name: np.zeros(group.width) for group in channels.groups}
    count = 0
    for inputs, truths, weights in batches:
        scores = {name: each.numpy() for name, each in score(inputs, truths, weights).items()}
        for group in channels.groups:
            totals[group.name] += _sum_scores(channels, group, scores) ** 2
        count += 1
    if count == 0:
        raise SlimError("there are no pictures to tell which channels matter")
    return {name: total / count for name, total in totals.items()}


def norm_importance(model: Any) -> Importance:
    """Return for each group the sum of its norms' |gamma|, else of the L2 norms of its kernels.

    Raises SlimError.
    """
    channels = map_channels(model)
    scores = {}
    for name in _judged_layers(model, channels):
        layer = model.get_layer(name)
        values = np.asarray(_weights(layer)[0].numpy(), np.float64)
        scores[name] = np.sqrt((values.reshape(-1, values.shape[-1]) ** 2).sum(axis=0))
    return {group.name: _sum_scores(channels, group, scores) for group in channels.groups}


def _judged_layers(model: Any, channels: ChannelMap) -> tuple[str, ...]:
    """Return the norms of all groups, and what makes the channels of those without."""
    names: dict[str, None] = {}
    for group in channels.groups:
        norms = [name for name in group.followers if _is_norm(model.get_layer(name))]
        names.update(dict.fromkeys(norms or group.producers))
    return tuple(names)


def _is_norm(layer: Any) -> bool:
    return type(layer).__name__ == "BatchNormalization" and layer.scale


def _weights(layer: Any) -> list[Any]:
    """Return gamma and beta of a norm, kernel and bias of another layer, where it has them."""
    names = ("kernel", "bias") if opens_channels(type(layer).__name__) else ("gamma", "beta")
    found = (getattr(layer, name, None) for name in names)
    return [each for each in found if each is not None]


def _score_function(
    model: Any, layers: Mapping[str, Any], label_smoothing: float, *, few: bool
) -> Any:
    """Return a function of a batch that gives weight * gradient, summed for each channel."""
    import keras
    import tensorflow as tf

    loss_of = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=label_smoothing
    )
    # Named one by one: a tape does not watch by itself what is not to be trained.
    watched = {name: [each.value for each in _weights(layer)] for name, layer in layers.items()}

    def score(inputs: Any, truths: Any, weights: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            loss = loss_of(truths, model(inputs, training=False), sample_weight=weights)
        gradients = tape.gradient(loss, watched, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return {
            name: sum(
                tf.reduce_sum(value * slope, axis=list(range(value.shape.rank - 1)))
                for value, slope in zip(watched[name], gradients[name], strict=True)
            )
            for name in watched
        }

    return score if few else tf.function(score, reduce_retracing=True)


def _sum_scores(channels: ChannelMap, group: ChannelGroup, scores: Scores) -> NDArray[np.float64]:
    """Return for each channel of a group the sum over its norms, else over what makes it."""
    norms = [name for name in group.followers if name in scores]
    total = np.zeros(group.width)
    for name in norms or group.producers:
        values = np.asarray(scores[name], np.float64)
        total += gather_group(channels.made[name], values, group.name, group.width)
    return total
