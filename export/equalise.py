"""Gives the channels of a tensor the same range before one scale is chosen for all of them.

An int8 tensor has one scale; a channel that is a tenth as loud as the loudest is left with a tenth
of the steps. Where nothing but sums lies between those who make the channels and those who read
them, each channel can be made louder by its makers and quieter by its readers: the network computes
what it did (cross-layer equalisation, Nagel et al., ICCV 2019). So it is behind a ReLU, and behind
a ReLU6 as long as the channel stays below 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bundle.prepare import Pixels
from export.channels.groups import ChannelGroup, ChannelMap, map_channels
from export.errors import SlimError
from export.listening import listen

Values = NDArray[np.float64]

_QUIETEST = 1 / 64  # a channel that hardly speaks is not blown up beyond this
_HEADROOM = 0.8  # of a ReLU6's 6: a channel reached by 1 / 0.8 more on the line is not cut yet
_NORM = keras.layers.BatchNormalization
_PASSING = (
    keras.layers.ZeroPadding2D, keras.layers.MaxPooling2D, keras.layers.Dropout,
    keras.layers.GlobalAveragePooling2D,
)  # fmt: skip
_SUMS = (
    keras.layers.Conv2D, keras.layers.BatchNormalization, keras.layers.Add,
    keras.layers.ZeroPadding2D, keras.layers.Dropout,
)  # fmt: skip


def equalise(network: Any, frames: Sequence[Pixels]) -> Any:
    """Return a copy in which channels of one tensor have the same range on `frames`.

    It computes what the network does, to float rounding. A network whose channels cannot be told
    apart comes back as it is.
    """
    try:
        channels = map_channels(network)
    except SlimError:
        return network
    even = keras.models.clone_model(network)
    even.set_weights(network.get_weights())
    for stretch, shares in _measure(network, _find_stretches(network, channels), frames):
        _even_out(even, stretch, shares)
    return even


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Tensors with the same channels: who makes them, where they are heard, who reads them.

    `most` is what a channel may reach at most; without it, what the loudest reaches.
    """

    makers: tuple[str, ...]
    heard: tuple[str, ...]
    readers: tuple[str, ...]
    most: float | None = None


def _find_stretches(network: Any, channels: ChannelMap) -> list[_Stretch]:
    streams = [_stream(network, group, channels) for group in channels.groups]
    rectified = [_rectified(layer) for layer in network.layers]
    return [one for one in (*streams, *rectified) if one is not None]


def _stream(network: Any, group: ChannelGroup, channels: ChannelMap) -> _Stretch | None:
    """Return the stretch of a group with only sums between makers and readers."""
    holding = [network.get_layer(name) for name in _holding(group, channels)]
    norms = tuple(one.name for one in holding if isinstance(one, _NORM))
    if not all(_is_sum(one) for one in holding) or len(norms) != len(group.producers):
        return None
    if not all(_reads_all(network.get_layer(name)) for name in group.consumers):
        return None
    heard = tuple(one.name for one in holding if isinstance(one, (_NORM, keras.layers.Add)))
    return _Stretch(norms, heard, group.consumers)


def _rectified(norm: Any) -> _Stretch | None:
    """Return the stretch from a batch norm through a ReLU to all that read it."""
    relu = _next(norm) if isinstance(norm, _NORM) else None
    if not isinstance(relu, keras.layers.ReLU) or relu.negative_slope or relu.threshold:
        return None
    readers = _readers(relu)
    if readers is None:
        return None
    top = relu.max_value
    return _Stretch((norm.name,), (relu.name,), readers, top and _HEADROOM * float(top))


def _readers(relu: Any) -> tuple[str, ...] | None:
    """Return the layers that read what a ReLU gives; None where one would notice the change.

    A gate (squeeze-excite) is passed on both of its ways: its pooled half is read by the layer that
    squeezes, and the product is as loud as the channel that was gated.
    """
    reached, readers, products, waiting = [relu], [], [], [relu]
    while waiting:
        for layer in _following(waiting.pop()):
            if _reads_all(layer) or isinstance(layer, keras.layers.DepthwiseConv2D):
                readers.append(layer.name)
            elif isinstance(layer, (*_PASSING, keras.layers.Multiply)) or _keeps_channels(layer):
                if isinstance(layer, keras.layers.Multiply):
                    products.append(layer)
                reached.append(layer)
                waiting.append(layer)
            else:
                return None
    for product in products:
        if sum(_maker(tensor) in reached for tensor in product.input) != 1:
            return None
    return tuple(dict.fromkeys(readers)) or None


def _keeps_channels(layer: Any) -> bool:
    """Tell whether a layer gives the same channels in another shape, each with its places."""
    return (
        isinstance(layer, keras.layers.Reshape) and layer.input.shape[-1] == layer.output.shape[-1]
    )


def _maker(tensor: Any) -> Any:
    return tensor._keras_history.operation  # noqa: SLF001 (no other way)


def _is_sum(layer: Any) -> bool:
    activation = getattr(layer, "activation", None)
    return type(layer) in _SUMS and activation in (None, keras.activations.linear)


def _reads_all(layer: Any) -> bool:
    """Tell whether a layer's kernel has the channels it reads on its last axis but one."""
    return type(layer) in (keras.layers.Conv2D, keras.layers.Dense) and (
        getattr(layer, "groups", 1) == 1
    )


def _next(layer: Any) -> Any:
    """Return the layer that alone takes what a layer gives; None where there are several."""
    following = _following(layer)
    return following[0] if len(following) == 1 else None


def _following(layer: Any) -> list[Any]:
    return [node.operation for node in layer._outbound_nodes]  # noqa: SLF001 (no other way)


def _holding(group: ChannelGroup, channels: ChannelMap) -> list[str]:
    """Return the layers that give these channels and no others."""
    return [
        name
        for name, layout in channels.made.items()
        if any(segment.group == group.name for segment in layout)
    ]


def _measure(
    network: Any, stretches: Sequence[_Stretch], frames: Sequence[Pixels]
) -> Iterator[tuple[_Stretch, Values]]:
    """Yield each stretch with the share of what it may reach that each channel reaches."""
    names = [name for stretch in stretches for name in stretch.heard]
    if not names:
        return
    tensors = [network.get_layer(name).output for name in names]
    top = {name: np.zeros(tensor.shape[-1]) for name, tensor in zip(names, tensors, strict=True)}
    for heard in listen(network, tensors, frames):
        for name, values in zip(names, heard, strict=True):
            magnitude = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            top[name] = np.maximum(top[name], magnitude)
    for stretch in stretches:
        reached = np.max([top[name] for name in stretch.heard], axis=0)
        most = reached.max() if stretch.most is None else stretch.most
        if most > 0.0:
            yield stretch, np.clip(reached / most, _QUIETEST, 1.0)


def _even_out(network: Any, stretch: _Stretch, shares: Values) -> None:
    """Divide what makes the channels by their shares, and multiply what reads them."""
    for name in stretch.makers:
        norm = network.get_layer(name)
        norm.gamma.assign((_read(norm.gamma) / shares).astype(np.float32))
        norm.beta.assign((_read(norm.beta) / shares).astype(np.float32))
    for name in stretch.readers:
        kernel = network.get_layer(name).kernel
        # The channels that are read lie on the last axis but one, in all of these layers.
        kernel.assign((_read(kernel) * shares[:, np.newaxis]).astype(np.float32))


def _read(variable: Any) -> Values:
    values: Values = keras.ops.convert_to_numpy(variable).astype(np.float64)
    return values
