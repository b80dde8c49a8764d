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
    return any(_is_swish(entry) for entry in read_config(model)["layers"])


def calm(model: Any, frames: Sequence[Pixels]) -> tuple[Any, str]:
    """Return the network without gates that say the same of every frame, and in words.

    The frames are prepared pictures of the network's size; without any all gates stay. The words
    say what it loses on its way, as in "without swish and 12 of 16 gates". Raises SlimError.
    """
    if not frames:
        return model, "without swish"
    steady = steady_gates(model, frames)
    gates = f" and {len(steady)} of {len(find_gates(model))} gates" if steady else ""
    return without_gates(model, steady), f"without swish{gates}"


def without_swish(model: Any) -> Any:
    """Return the network with ReLU for swish and the same weights; it must be taught anew.

    Raises SlimError.
    """
    config = read_config(model)
    layers = [_plain(entry) if _is_swish(entry) else entry for entry in config["layers"]]
    plain = rebuild(model, {**config, "layers": layers})
    copy_weights(model, plain, lambda layer: list(layer.get_weights()))
    return plain


def _is_swish(entry: Mapping[str, Any]) -> bool:
    return entry["class_name"] == "Activation" and entry["config"]["activation"] in _SWISH


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    options = entry["config"]
    relu = keras.layers.ReLU(name=options["name"], dtype=options["dtype"])
    return {**entry, "class_name": "ReLU", "config": relu.get_config()}
