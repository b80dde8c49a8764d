"""Layers in forms that int8 can carry: the same weights, the same values.

They are put in when a network is converted, not where it is trained: runs of every age can be
exported, and no saved network holds a layer that a fresh process does not know.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


class LayerNorm(keras.layers.LayerNormalization):  # type: ignore[misc]
    """Keras's layer norm over the last axis, its mean subtracted first.

    Keras subtracts the mean after it has scaled it, and the converter makes of that a negation,
    which has no int8 kernel.
    """

    def call(self, inputs: Any) -> Any:
        """Return the inputs with mean 0 and deviation 1 along the last axis, scaled and shifted."""
        ops = keras.ops
        centred = inputs - ops.mean(inputs, axis=-1, keepdims=True)
        variance = ops.mean(centred * centred, axis=-1, keepdims=True)
        normed = centred * ops.rsqrt(variance + self.epsilon)
        scaled = normed if self.gamma is None else normed * self.gamma
        return scaled if self.beta is None else scaled + self.beta


class Rescaling(keras.layers.Rescaling):  # type: ignore[misc]
    """Keras's rescaling, shifted first: one step of each tensor is one grey level.

    Keras scales first. The calibrator then gives the product the range of both tensors (from -1 to
    2 where pixels become -1 to 1), and three grey levels fall on two steps.
    """

    def call(self, inputs: Any) -> Any:
        """Return the inputs times the scale, plus the offset."""
        scale = np.asarray(self.scale, np.float32)
        return (inputs + np.asarray(self.offset, np.float32) / scale) * scale


def with_int8_forms(network: Any) -> Any:
    """Return the network with such layers for Keras's; itself where it has none of them."""
    if not any(_kind(layer) is not type(layer) for layer in network.layers):
        return network
    changed = keras.models.clone_model(network, clone_function=_clone)
    changed.set_weights(network.get_weights())
    return changed


def _clone(layer: Any) -> Any:
    return _kind(layer).from_config(layer.get_config())


def _kind(layer: Any) -> Any:
    """Return the class that a layer is to be of."""
    if _is_norm(layer):
        return LayerNorm
    if type(layer) is keras.layers.Rescaling and np.all(np.asarray(layer.scale) != 0.0):
        return Rescaling
    return type(layer)


def _is_norm(layer: Any) -> bool:
    """Tell whether a layer is a layer norm over the last axis, and not one of deviations alone."""
    if type(layer) is not keras.layers.LayerNormalization or getattr(layer, "rms_scaling", False):
        return False
    axis = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    return [place % len(layer.input.shape) for place in axis] == [len(layer.input.shape) - 1]
