"""Takes out squeeze-and-excite gates that say the same of every picture.

A gate weighs channels by what they are on the whole of a picture. Where all pictures show one kind
of part under one light many gates hardly move, and a gate that stands still is a factor: it goes
into the weights of the convolution that reads the product. What is saved is two passes over the
tensor and, as int8, two roundings of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bundle.prepare import Pixels
from export.channels.nodes import Node, read_config, read_nodes
from export.listening import listen
from export.slim.surgery import copy_weights, rebuild

Factors = NDArray[np.float64]

_STEADY = 0.125  # deviation over the pictures, as a share of the gate


@dataclass(frozen=True, slots=True)
class Gate:
    """A product of feature maps with one number for each channel, made of the same maps.

    `layers` make the numbers, `reader` is the convolution that takes the product.
    """

    product: str
    gated: str
    numbers: str
    layers: tuple[str, ...]
    reader: str


def find_gates(model: Any) -> tuple[Gate, ...]:
    """Return the gates whose product goes to one convolution and nowhere else.

    Raises SlimError.
    """
    nodes = {node.name: node for node in read_nodes(read_config(model))}
    found = [_as_gate(node, nodes, model) for node in nodes.values() if node.kind == "Multiply"]
    return tuple(gate for gate in found if gate is not None)


def steady_gates(model: Any, frames: Sequence[Pixels]) -> dict[Gate, Factors]:
    """Return the gates that hardly move from frame to frame, and what each says on average.

    Factors have shape (channels,). Raises SlimError.
    """
    gates = find_gates(model)
    if not gates or not frames:
        return {}
    heard: list[list[NDArray[np.float32]]] = [[] for _ in gates]
    for batch in listen(model, [model.get_layer(gate.numbers).output for gate in gates], frames):
        for told, one in zip(heard, batch, strict=True):
            told.append(one.reshape(len(one), -1))
    steady: dict[Gate, Factors] = {}
    for gate, told in zip(gates, heard, strict=True):
        numbers = np.concatenate(told).astype(np.float64)
        means = numbers.mean(axis=0)
        if np.sqrt(numbers.var(axis=0).sum()) <= _STEADY * np.sqrt(np.square(means).sum()):
            steady[gate] = means
    return steady


def without_gates(model: Any, steady: Mapping[Gate, Factors]) -> Any:
    """Return the network without these gates, their factors in the weights behind them.

    Raises SlimError.
    """
    if not steady:
        return model
    config = read_config(model)
    gone = {name for gate in steady for name in (*gate.layers, gate.product)}
    instead = {gate.product: gate.gated for gate in steady}
    layers = [
        {**entry, "inbound_nodes": _reading(entry["inbound_nodes"], instead)}
        for entry in config["layers"]
        if entry["name"] not in gone
    ]
    plain = rebuild(model, {**config, "layers": layers})
    factors = {gate.reader: means for gate, means in steady.items()}

    def weighed(layer: Any) -> list[NDArray[Any]]:
        kernel, *others = layer.get_weights()
        if layer.name in factors:
            kernel = (kernel * factors[layer.name][:, None]).astype(kernel.dtype)
        return [kernel, *others]

    copy_weights(model, plain, weighed)
    return plain


def _as_gate(product: Node, nodes: Mapping[str, Node], model: Any) -> Gate | None:
    """Return the gate that ends in a product; None where it is something else."""
    if len(product.sources) != 2:
        return None
    gated, numbers = product.sources
    if any(size != 1 for size in numbers.shape[1:-1]) or len(numbers.shape) != 4:
        return None
    layers, name = [], numbers.layer
    while name != gated.layer:
        if len(nodes[name].sources) != 1 or _read_by(nodes, name) > 1:
            return None
        layers.append(name)
        name = nodes[name].sources[0].layer
    readers = [node.name for node in nodes.values() if _reads(node, product.name)]
    if not layers or len(readers) != 1 or not _is_plain(model.get_layer(readers[0])):
        return None
    return Gate(product.name, gated.layer, numbers.layer, tuple(layers), readers[0])


def _read_by(nodes: Mapping[str, Node], name: str) -> int:
    return sum(_reads(node, name) for node in nodes.values())


def _reads(node: Node, name: str) -> bool:
    return any(source.layer == name for source in node.sources)


def _is_plain(layer: Any) -> bool:
    """Tell whether each weight of a layer is for one of the channels that it reads."""
    return type(layer) is keras.layers.Conv2D and layer.groups == 1


def _reading(value: Any, instead: Mapping[str, str]) -> Any:
    """Return the arguments of a call with other layers in place of some."""
    if isinstance(value, Mapping):
        changed = {key: _reading(one, instead) for key, one in value.items()}
        if "keras_history" in changed:
            name, *places = changed["keras_history"]
            changed["keras_history"] = [instead.get(name, name), *places]
        return changed
    if isinstance(value, list | tuple):
        return type(value)(_reading(one, instead) for one in value)
    return value
