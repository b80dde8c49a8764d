"""Puts ReLU in the place of swish: a form that int8 can carry, once it has learned anew.

Swish costs an int8 model two more passes over each tensor, and it is not homogeneous: channels a
hundred times louder than others cannot be made equal (see `export/equalise.py`), so that one scale
for all of them leaves the quiet ones with nothing. EfficientNet-Lite goes the same way. The swish
of a squeeze stays: it is of a handful of numbers, and a ReLU there may never wake up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from bundle.prepare import Pixels
from export.channels.nodes import read_config
from export.slim.gates import find_gates, steady_gates, without_gates
from export.slim.surgery import copy_weights, rebuild

_SWISH = frozenset({"silu", "swish"})


def has_swish(model: Any) -> bool:
    """Tell whether feature maps of the network pass a swish. Raises SlimError."""
    return bool(swish_names(model))


def swish_names(model: Any) -> list[str]:
    """Return the names of the layers that are a swish of feature maps. Raises SlimError."""
    return [entry["name"] for entry in read_config(model)["layers"] if _is_swish(entry)]


def simplify(model: Any, frames: Sequence[Pixels]) -> tuple[Any, str]:
    """Return the network without swish, nor gates that say the same of every frame, and in words.

    The frames are prepared pictures of the network's size; without any all gates stay. The words
    say what it lost, as in "without swish and 12 of 16 gates". Raises SlimError.
    """
    plain = without_swish(model)
    if not frames:
        return plain, "without swish"
    steady = steady_gates(model, frames)
    gates = f" and {len(steady)} of {len(find_gates(model))} gates" if steady else ""
    return without_gates(plain, steady), f"without swish{gates}"


def without_swish(model: Any) -> Any:
    """Return the network with ReLU for swish and the same weights; it must be taught anew.

    Raises SlimError.
    """
    return with_activations(model, dict.fromkeys(swish_names(model), keras.layers.ReLU))


def with_activations(model: Any, kinds: Mapping[str, type[Any]]) -> Any:
    """Return the network with the same weights whose layers of these names are of another kind.

    The kinds have no options; neither they nor what they replace have weights that matter. Raises
    SlimError.
    """
    config = read_config(model)
    layers = [
        _as_kind(entry, kinds[entry["name"]]) if entry["name"] in kinds else entry
        for entry in config["layers"]
    ]
    changed = rebuild(model, {**config, "layers": layers})
    copy_weights(model, changed, lambda layer: list(layer.get_weights()), but=kinds)
    return changed


def _is_swish(entry: Mapping[str, Any]) -> bool:
    return entry["class_name"] == "Activation" and entry["config"]["activation"] in _SWISH


def _as_kind(entry: Mapping[str, Any], kind: type[Any]) -> dict[str, Any]:
    options = entry["config"]
    layer = kind(name=options["name"], dtype=options["dtype"])
    return {**entry, **keras.saving.serialize_keras_object(layer)}
