"""Take channels out of a Keras network, or put it on another picture size, weights and all."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.channels.groups import ChannelMap, map_channels
from export.channels.layout import Keep, kept_places
from export.channels.nodes import read_config
from export.channels.rules import carries_weights, opens_channels
from export.errors import SlimError
from export.slim.resize import resize_config

__all__ = [
    "Keep",
    "copy_weights",
    "keep_channels",
    "mask_channels",
    "rebuild",
    "widths_of",
    "with_input",
]

Places = NDArray[np.int64]
Values = list[NDArray[Any]]


def widths_of(model: Any) -> dict[str, int]:
    """Return how many channels each group has. Raises SlimError."""
    return {group.name: group.width for group in map_channels(model).groups}


def keep_channels(model: Any, keep: Keep) -> Any:
    """Return a smaller network that has only the channels to keep, with the weights they have.

    Layers have the names, precisions and trainable flags they had; it is not compiled. Raises
    SlimError where `keep` does not fit the network.
    """
    channels = map_channels(model)
    _check_keep(channels, keep)
    config = read_config(model)
    for entry in config["layers"]:
        _narrow(entry, channels, keep)
    smaller = rebuild(model, config)

    def cut(layer: Any) -> Values:
        made, read = (_places(side, layer.name, keep) for side in (channels.made, channels.read))
        return _cut(type(layer).__name__, layer.get_weights(), read, made)

    copy_weights(model, smaller, cut)
    return smaller


def mask_channels(model: Any, keep: Keep) -> Any:
    """Return a network of the same size whose channels that would go give zero.

    It computes what the smaller one must compute: the proof of the surgery. Raises SlimError.
    """
    channels = map_channels(model)
    _check_keep(channels, keep)
    masked = rebuild(model, read_config(model))

    def blank(layer: Any) -> Values:
        kept = _places(channels.made, layer.name, keep)
        return _blank(type(layer).__name__, layer.get_weights(), kept)

    copy_weights(model, masked, blank)
    return masked


def with_input(model: Any, height: int, width: int) -> Any:
    """Return the network with the same weights for pictures of another size.

    Raises SlimError where weights are tied to places: only fully convolutional networks can do it.
    """
    config = read_config(model)
    try:
        resized = resize_config(config, height, width, lambda changed: rebuild(model, changed))
    except (ValueError, TypeError) as error:
        raise SlimError(
            f"{model.name} cannot take pictures of {height} x {width}: {str(error)[:200]}"
        ) from error
    for layer in model.layers:
        shapes = [tuple(one.shape) for one in resized.get_layer(layer.name).weights]
        if shapes != [tuple(one.shape) for one in layer.weights]:
            raise SlimError(
                f"{model.name} cannot take pictures of {height} x {width}: the weights of its "
                f"layer {layer.name} are made for one picture size"
            )
    copy_weights(model, resized, lambda layer: list(layer.get_weights()))
    return resized


def _check_keep(channels: ChannelMap, keep: Keep) -> None:
    widths = {group.name: group.width for group in channels.groups}
    for name, kept in keep.items():
        if name not in widths:
            raise SlimError(f"the network has no group of channels {name!r}")
        if kept.ndim != 1 or kept.size == 0 or not np.issubdtype(kept.dtype, np.integer):
            raise SlimError(f"of the channels of {name} some must stay, given as a list of indices")
        if kept[0] < 0 or kept[-1] >= widths[name] or (np.diff(kept) <= 0).any():
            raise SlimError(
                f"the channels of {name} to keep must be in order, each once, from 0 to "
                f"{widths[name] - 1}"
            )


def _places(layouts: Mapping[str, Any], name: str, keep: Keep) -> Places:
    """Return which channels stay on one side of a layer; an input layer reads none."""
    return kept_places(layouts[name], keep) if name in layouts else np.zeros(0, np.int64)


def _narrow(entry: dict[str, Any], channels: ChannelMap, keep: Keep) -> None:
    """Change what a layer's configuration says of its number of channels."""
    options, made = entry["config"], _places(channels.made, entry["name"], keep)
    for key in ("filters", "units"):
        if key in options:
            options[key] = len(made)
    target = options.get("target_shape")
    if target is not None and target[-1] not in (-1, None):
        options["target_shape"] = (*target[:-1], len(made))


def rebuild(model: Any, config: Mapping[str, Any]) -> Any:
    """Return a model of the configuration, with weights of its own."""
    # Layers would be built for the shapes they had; without these they take those that come.
    layers = [
        {key: value for key, value in entry.items() if key != "build_config"}
        for entry in config["layers"]
    ]
    return type(model).from_config({**config, "layers": layers})


def copy_weights(model: Any, made: Any, values: Callable[[Any], Values]) -> None:
    """Give each layer of `made` its weights, `values` of the layer of that name in the model.

    Dropout goes on with the random state it has.
    """
    for ours in made.layers:
        layer = model.get_layer(ours.name)
        if layer.weights:
            ours.set_weights(values(layer))
        else:
            for new, old in zip(ours.variables, layer.variables, strict=True):
                new.assign(old.value)


def _cut(kind: str, values: Sequence[NDArray[Any]], read: Places, made: Places) -> Values:
    """Return the weights of the channels that stay."""
    if opens_channels(kind):
        kernel, *biases = values
        return [kernel[..., read, :][..., made], *(bias[made] for bias in biases)]
    if kind == "DepthwiseConv2D":  # its kernel is (height, width, channels, 1)
        kernel, *biases = values
        return [kernel[..., read, :], *(bias[made] for bias in biases)]
    if carries_weights(kind):
        return [value[made] for value in values]
    return list(values)


def _blank(kind: str, values: Sequence[NDArray[Any]], kept: Places) -> Values:
    """Return the weights with zero for what goes; a norm's mean and beta must not bring it back."""
    blank = [np.zeros_like(value) for value in values]
    if kind == "DepthwiseConv2D":
        blank[0][..., kept, :] = values[0][..., kept, :]
        for zeros, value in zip(blank[1:], values[1:], strict=True):
            zeros[kept] = value[kept]
        return blank
    if not (opens_channels(kind) or carries_weights(kind)):
        return list(values)
    for zeros, value in zip(blank, values, strict=True):
        zeros[..., kept] = value[..., kept]
    return blank
