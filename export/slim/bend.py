"""Bends a network's swish into ReLU little by little while it learns.

x sigmoid(s x) is swish where the sharpness s is 1 and nears ReLU as s grows: a network that is
shown the way between keeps what it knows, one that finds ReLU in the place of swish must find it
anew.
"""

from __future__ import annotations

from typing import Any

import keras

from export.slim.plain import swish_names, with_activations

_SHARPEST = 32.0  # the last step of the way; from there to ReLU is not felt
_RELU = 1e4  # as near to ReLU as float32 tells
_BENT_AFTER = 0.6  # of the lesson; in the rest the network learns as it will stay


@keras.saving.register_keras_serializable("linewarden")
class BendingSwish(keras.layers.Layer):  # type: ignore[misc]
    """x sigmoid(s x), one sharpness s for the whole tensor, that no gradient reaches."""

    def build(self, input_shape: Any) -> None:  # noqa: ARG002 (Keras)
        """Begin as swish."""
        self.sharpness = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="sharpness"
        )

    def call(self, inputs: Any) -> Any:
        """Return what a tensor of any shape becomes."""
        return inputs * keras.ops.sigmoid(self.sharpness * inputs)


def bend(plain: Any, like: Any) -> Any:
    """Return a network with the weights of `plain` that has bending swish where `like` has swish.

    `plain` has a ReLU of the same name there. Raises SlimError.
    """
    return with_activations(plain, dict.fromkeys(swish_names(like), BendingSwish))


def straighten(bent: Any) -> Any:
    """Return the network with ReLU where swish was bent, and the same weights. Raises SlimError."""
    return with_activations(
        bent, {layer.name: keras.layers.ReLU for layer in _bending_layers(bent)}
    )


def set_sharpness(network: Any, done: float) -> None:
    """Bend the network's swish as far as it is after this share (0 to 1) of the lesson."""
    way = done / _BENT_AFTER
    sharpness = _SHARPEST**way if way < 1.0 else _RELU
    for layer in _bending_layers(network):
        layer.sharpness.assign(sharpness)


def _bending_layers(network: Any) -> list[BendingSwish]:
    return [layer for layer in network.layers if isinstance(layer, BendingSwish)]
