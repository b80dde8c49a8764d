"""Layer norm in operators that int8 has.

Keras subtracts the mean after it has scaled it, and the converter makes of that a negation, which
has no int8 kernel. It is put right when a network is converted, not where it is trained: runs of
every age can be exported, and no saved network holds a layer that a fresh process does not know.
"""

from __future__ import annotations

from typing import Any

import keras


class LayerNorm(keras.layers.LayerNormalization):  # type: ignore[misc]
    """Keras's layer norm over the last axis: the same weights, the same values."""

    def call(self, inputs: Any) -> Any:
        """Return the inputs with mean 0 and deviation 1 along the last axis, scaled and shifted."""
        ops = keras.ops
        centred = inputs - ops.mean(inputs, axis=-1, keepdims=True)
        variance = ops.mean(centred * centred, axis=-1, keepdims=True)
        normed = centred * ops.rsqrt(variance + self.epsilon)
        scaled = normed if self.gamma is None else normed * self.gamma
        return scaled if self.beta is None else scaled + self.beta


def with_int8_norms(network: Any) -> Any:
    """Return the network with such norms for Keras's; itself where it has none."""
    if not any(_is_norm(layer) for layer in network.layers):
        return network
    changed = keras.models.clone_model(network, clone_function=_clone)
    changed.set_weights(network.get_weights())
    return changed


def _clone(layer: Any) -> Any:
    kind = LayerNorm if _is_norm(layer) else type(layer)
    return kind.from_config(layer.get_config())


def _is_norm(layer: Any) -> bool:
    """Tell whether a layer is a layer norm over the last axis, and not one of deviations alone."""
    if type(layer) is not keras.layers.LayerNormalization or getattr(layer, "rms_scaling", False):
        return False
    axis = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    return [place % len(layer.input.shape) for place in axis] == [len(layer.input.shape) - 1]
