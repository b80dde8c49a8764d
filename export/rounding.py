"""Chooses for each weight the int8 step that changes least of what really flows through it.

The converter takes the nearest step for each weight by itself. Where the weights of a channel
nearly cancel, as in a depthwise kernel that looks for edges, the rounded ones no longer do, and
the channel answers to brightness. Here the steps of a channel are chosen together: those that least
change its output on calibration pictures (the aim of Nagel et al., "Up or Down?", ICML 2020,
reached by coordinate descent). What is left of the mean goes into the bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bundle.prepare import Pixels
from export.listening import listen

Values = NDArray[np.float64]

_STEPS = 127
_SWEEPS = 4
_DAMPING = 0.01
_PATCHES = 1024
_LAYERS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


@dataclass(slots=True)
class _Flow:
    """What flows into a layer: mean and second moments of its patches, per group.

    `mean` has shape (groups, weights), `moments` (groups, weights, weights).
    """

    count: int
    mean: Values
    moments: Values

    def add(self, patches: Values) -> None:
        """Take in patches of shape (groups, patches, weights)."""
        self.count += patches.shape[1]
        self.mean = self.mean + patches.sum(axis=1)
        self.moments = self.moments + np.einsum("gpi,gpj->gij", patches, patches, optimize=True)


def round_by_flow(network: Any, frames: Sequence[Pixels], seed: int = 0) -> Any:
    """Return a copy of the network whose kernels lie on the steps of its int8 model.

    Whoever converts it finds the same steps: the largest weight of a channel, which sets its
    scale, is left as it is. `frames` are prepared calibration pictures.
    """
    rounded = keras.models.clone_model(network)
    rounded.set_weights(network.get_weights())
    layers = [layer for layer in network.layers if isinstance(layer, _LAYERS)]
    for layer, flow in zip(layers, _watch(network, layers, frames, seed), strict=True):
        norm = _norm_after(layer)
        behind = None if norm is None else rounded.get_layer(norm)
        _round_layer(rounded.get_layer(layer.name), flow, behind)
    return rounded


def choose_steps(exact: Values, moments: Values) -> Values:
    """Return whole steps near `exact` that least change what comes out.

    `exact` has shape (groups, weights, outputs), in steps of each output; `moments` (groups,
    weights, weights). Minimises d^T M d of the differences d, one weight after another, and is
    never worse by it than the nearest steps.
    """
    steps = np.clip(np.rint(exact), -_STEPS, _STEPS)
    pinned = np.abs(exact) >= _STEPS - 1e-3
    rest = exact - steps
    # By output, then weight: a step changes the slopes of few outputs, and those lie together.
    slope = np.ascontiguousarray((moments @ rest).swapaxes(1, 2))
    for _ in range(_SWEEPS):
        moved = False
        for place in range(exact.shape[1]):
            curve = moments[:, place, place][:, None]
            here = slope[:, :, place]
            change = np.where(2 * np.abs(here) > curve, np.sign(here), 0.0)
            beyond = np.abs(steps[:, place] + change) > _STEPS
            change[beyond | pinned[:, place]] = 0.0
            touched = change.any(axis=0)
            if touched.any():
                moved = True
                steps[:, place] += change
                slope[:, touched] -= change[:, touched, None] * moments[:, None, :, place]
        if not moved:
            break
    return steps


def _watch(network: Any, layers: Sequence[Any], frames: Sequence[Pixels], seed: int) -> list[_Flow]:
    flows = [_empty_flow(layer) for layer in layers]
    random = np.random.default_rng(seed)
    for heard in listen(network, [layer.input for layer in layers], frames):
        for layer, flow, values in zip(layers, flows, heard, strict=True):
            flow.add(_patches(layer, values, random))
    return flows


def _norm_after(layer: Any) -> str | None:
    """Return the name of the batch norm that alone takes what a layer gives."""
    following = [node.operation for node in layer._outbound_nodes]  # noqa: SLF001 (no other way)
    if len(following) == 1 and isinstance(following[0], keras.layers.BatchNormalization):
        return str(following[0].name)
    return None


def _empty_flow(layer: Any) -> _Flow:
    groups, weights, _ = _grouped(layer).shape
    return _Flow(0, np.zeros((groups, weights)), np.zeros((groups, weights, weights)))


def _grouped(layer: Any) -> Values:
    """Return a kernel as (groups, weights, outputs): each channel of a depthwise one is a group."""
    kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel), np.float64)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        height, width, channels, outputs = kernel.shape
        kernel = kernel.transpose(2, 0, 1, 3)
        return np.asarray(kernel.reshape((channels, height * width, outputs)), np.float64)
    return kernel.reshape((1, -1, kernel.shape[-1]))


def _ungrouped(layer: Any, grouped: Values) -> Values:
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        height, width, channels, outputs = layer.kernel.shape
        apart = grouped.reshape((channels, height, width, outputs))
        return np.asarray(apart.transpose(1, 2, 0, 3), np.float64)
    return np.asarray(grouped.reshape(layer.kernel.shape), np.float64)


def _patches(layer: Any, values: NDArray[np.float32], random: np.random.Generator) -> Values:
    """Return some of the patches that a kernel meets: (groups, patches, weights)."""
    if isinstance(layer, keras.layers.Dense):
        return np.asarray(values.reshape((1, -1, values.shape[-1])), np.float64)
    height, width = layer.kernel_size
    if layer.padding == "same":
        up, left = (height - 1) // 2, (width - 1) // 2
        rim = ((0, 0), (up, height - 1 - up), (left, width - 1 - left), (0, 0))
        values = np.pad(values, rim)
    rows, columns = values.shape[1] - height + 1, values.shape[2] - width + 1
    chosen = random.integers(
        0, (len(values), rows, columns), (min(_PATCHES, len(values) * rows * columns), 3)
    )
    picture, row, column = chosen.T
    shifts = [(down, across) for down in range(height) for across in range(width)]
    taken = np.stack([values[picture, row + d, column + a] for d, a in shifts], axis=1)
    # (patches, places of the kernel, channels)
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return np.asarray(taken.transpose(2, 0, 1), np.float64)
    return np.asarray(taken.reshape((1, len(taken), -1)), np.float64)


def _round_layer(layer: Any, flow: _Flow, norm: Any) -> None:
    """Put a layer's kernel on its steps, and its mean error out of the way."""
    exact = _grouped(layer)
    scale = np.abs(exact).max(axis=1, keepdims=True) / _STEPS
    scale[scale == 0.0] = 1.0
    moments = flow.moments / flow.count
    diagonal = np.einsum("gii->gi", moments)
    diagonal += _DAMPING * diagonal.mean(axis=1, keepdims=True) + np.finfo(np.float64).tiny
    rounded = choose_steps(exact / scale, moments) * scale
    off = np.einsum("gi,gio->go", flow.mean / flow.count, rounded - exact).reshape(-1)
    layer.kernel.assign(_ungrouped(layer, rounded).astype(np.float32))
    _take_off(layer, norm, off)


def _take_off(layer: Any, norm: Any, off: Values) -> None:
    """Take a mean error off what comes out, by the layer's bias or the batch norm behind it."""
    if layer.use_bias:
        layer.bias.assign_sub(off.astype(np.float32))
    elif norm is not None:
        norm.moving_mean.assign_add(off.astype(np.float32))
