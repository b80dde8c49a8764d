"""What each kind of Keras layer does with channels: opens, carries, joins or mixes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from export.channels.nodes import Node, Shape
from export.channels.spaces import Flow, Spaces
from export.errors import SlimError

Rule = Callable[[Spaces, Node, Sequence[Flow]], Flow]

# Activations that take each value for itself: those with f(0) = 0, and those without.
_SILENT = frozenset(
    {"linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "mish", "tanh"}
    | {"silu", "swish", "hard_silu", "hard_swish", "hard_tanh", "softsign"}
)
_LOUD = frozenset({"sigmoid", "hard_sigmoid", "softplus", "exponential", "log_sigmoid"})


def follow(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    """Return what a layer puts out; its spaces are opened, joined and locked on the way.

    Raises SlimError for a kind of layer that is not known here.
    """
    rule = _RULES.get(node.kind)
    if rule is None:
        raise SlimError(
            f"the layer {node.name} is a {node.kind}, and how its channels depend on one another "
            "is not known: --recipe int8 takes any network"
        )
    return rule(spaces, node, flows)


def carries_weights(kind: str) -> bool:
    """Return whether layers of the kind have weights for each channel that passes."""
    return kind in ("BatchNormalization", "DepthwiseConv2D")


def opens_channels(kind: str) -> bool:
    """Return whether layers of the kind make new channels out of all that they read."""
    return _RULES.get(kind) is _open


def _start(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    del flows
    width = node.options["batch_shape"][-1]
    if width is None:
        raise SlimError(f"the input {node.name} has no fixed number of channels")
    return Flow((spaces.open(width, locked=True),), silent=True)


def _open(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    """Convolution or dense layer: every new channel reads all that come in."""
    (given,) = flows
    made = (spaces.open(node.options.get("filters") or node.options["units"]),)
    # A channel that goes must read as zero: with sigmoid in between it would read one half.
    if not given.silent:
        spaces.lock(given.run)
    if node.options.get("groups", 1) != 1:
        spaces.lock(given.run + made)
    return _activated(spaces, node, Flow(made, silent=True))


def _carry(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    """Batch norm or depthwise convolution: weights for each channel, none read another."""
    (given,) = flows
    axis = node.options.get("axis", -1)
    if axis not in (-1, len(node.sources[0].shape) - 1):
        raise SlimError(f"the layer {node.name} normalizes axis {axis}, not the channels")
    multiplier = node.options.get("depth_multiplier", 1)
    if multiplier != 1:
        spaces.lock(given.run)
        wide = spaces.open(spaces.length(given.run) * multiplier, locked=True)
        return Flow((wide,), silent=False)
    return _activated(spaces, node, Flow(given.run, silent=True))


def _activated(spaces: Spaces, node: Node, flow: Flow) -> Flow:
    function = node.options.get("activation", "linear")
    if isinstance(function, Mapping):  # one with options of its own, or a registered one
        function = str(function.get("config"))
    if function in _SILENT:
        return flow
    if function not in _LOUD:  # softmax and the like: each channel depends on all others
        spaces.lock(flow.run)
    return Flow(flow.run, silent=False)


def _relu(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    del spaces
    (given,) = flows
    at_zero = node.options.get("negative_slope", 0.0) * node.options.get("threshold", 0.0)
    return Flow(given.run, silent=given.silent and at_zero == 0.0)


def _activate(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    return _activated(spaces, node, flows[0])


def _softmax(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    del node
    spaces.lock(flows[0].run)
    return Flow(flows[0].run, silent=False)


def _pass(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    """Pooling, padding, dropout: the channels stay what they are."""
    (given,) = flows
    if (node.options.get("noise_shape") or [None])[-1] not in (None, 1):
        spaces.lock(given.run)
    return given


def _rescale(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    (given,) = flows
    if not all(isinstance(node.options[key], int | float) for key in ("scale", "offset")):
        spaces.lock(given.run)
        return Flow(given.run, silent=False)
    return Flow(given.run, silent=given.silent and node.options["offset"] == 0)


def _join(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    """Add, multiply and the like: channel by channel, or one channel with all of the others."""
    full = max(flows, key=lambda flow: spaces.length(flow.run))
    for flow in flows:
        if spaces.length(flow.run) == spaces.length(full.run):
            spaces.join(full.run, flow.run)
        else:
            spaces.lock(flow.run)
    # A single channel stays, and is not zero: added to one that goes, it would still be read.
    going = [flow.silent and spaces.length(flow.run) == spaces.length(full.run) for flow in flows]
    return Flow(full.run, any(going) if node.kind == "Multiply" else all(going))


def _concatenate(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    silent = all(flow.silent for flow in flows)
    if node.options.get("axis", -1) in (-1, len(node.sources[0].shape) - 1):
        return Flow(tuple(space for flow in flows for space in flow.run), silent)
    for flow in flows[1:]:
        spaces.join(flows[0].run, flow.run)
    return Flow(flows[0].run, silent)


def _flatten(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    return _reshaped(spaces, node, flows[0], (-1,))


def _reshape(spaces: Spaces, node: Node, flows: Sequence[Flow]) -> Flow:
    return _reshaped(spaces, node, flows[0], tuple(node.options["target_shape"]))


def _reshaped(spaces: Spaces, node: Node, given: Flow, target: Shape) -> Flow:
    """Follow channels through a new shape: the channel is the axis that varies fastest."""
    shape = node.sources[0].shape[1:]
    width = _last_size(node, shape, target)
    places, rest = divmod(width, spaces.length(given.run))
    # The last axes of the old shape together make the last one of the new shape, or no copies.
    ends = [math.prod(size or 0 for size in shape[at:]) for at in range(len(shape))]
    if rest == 0 and width in ends:
        return Flow(given.run * places, given.silent)
    spaces.lock(given.run)
    return Flow((spaces.open(width, locked=True),), silent=False)


def _last_size(node: Node, shape: Shape, target: Shape) -> int:
    """Return the size of the last axis of the new shape."""
    last = target[-1]
    if last is not None and last > 0:
        return last
    if any(size is None for size in shape):
        raise SlimError(f"the layer {node.name} puts out no fixed number of channels")
    others = math.prod(size or 1 for size in target[:-1])
    return math.prod(size or 1 for size in shape) // others


_PASSING = (
    *("AveragePooling2D", "MaxPooling2D", "UpSampling2D", "ZeroPadding2D", "Cropping2D"),
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling2D"),
    *("Dropout", "SpatialDropout2D", "GaussianNoise", "Identity"),
)

_RULES: dict[str, Rule] = {
    "InputLayer": _start,
    **dict.fromkeys(("Conv1D", "Conv2D", "Dense"), _open),
    **dict.fromkeys(("BatchNormalization", "DepthwiseConv2D"), _carry),
    "Activation": _activate,
    **dict.fromkeys(("ReLU", "LeakyReLU"), _relu),
    "Softmax": _softmax,
    **dict.fromkeys(("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract"), _join),
    "Concatenate": _concatenate,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Rescaling": _rescale,
    **dict.fromkeys(_PASSING, _pass),
}
