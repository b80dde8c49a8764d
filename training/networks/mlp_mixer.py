"""The paper's MLP-Mixer: patches, mixed across places and across channels, from scratch."""

from __future__ import annotations

from typing import Any

import keras

from bundle.manifest import InputSpec
from training.config import Phase
from training.networks.catalogue import register

# Weights that mix places are made for one number of places: every phase has the final size.
RECIPE = (Phase(name="full", epochs=24, learning_rate=1e-3, batch_norm="trained"),)
# The first epochs of a network from scratch are unsteady: one bad stretch is no end.
DEFAULTS = {"patience": 8, "weight_decay": 0.05}
# 100 patches, not 196: half the time, and a quarter of the weights that tie place to place.
SIZE = 160

_DEPTH = 4
_WIDTH = 128
_TOKEN_HIDDEN = 64
_CHANNEL_HIDDEN = 256
_STEM = ((16, 5), (32, 3))  # filters and kernel size of each
_DROPPED_PATHS = 0.1  # of the last block; growing from none in the first


@register("mlp_mixer", RECIPE, size=SIZE, defaults=DEFAULTS)
def build_mlp_mixer(spec: InputSpec, labels: int) -> Any:
    """Build the network: raw pictures in 0..255 go in, logits come out."""
    pictures = keras.Input((spec.height, spec.width, spec.channels), name="pictures")
    flow = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(pictures)
    flow = _embed_patches(flow)
    for number in range(_DEPTH):
        dropped = _DROPPED_PATHS * number / (_DEPTH - 1)
        flow = _mix_places(flow, f"block_{number + 1}_place", dropped)
        flow = _mix_channels(flow, f"block_{number + 1}_channel", dropped)
    flow = keras.layers.LayerNormalization(name="head_norm")(flow)
    flow = keras.layers.GlobalAveragePooling1D(name="head_pooling")(flow)
    flow = keras.layers.Dropout(0.2, name="head_dropout")(flow)
    logits = keras.layers.Dense(labels, name="head_logits")(flow)
    return keras.Model(pictures, logits, name="mlp_mixer")


def _embed_patches(flow: Any) -> Any:
    """Turn the picture into one row of numbers per patch of 16 x 16 pixels.

    Two strided convolutions look a little beyond the patch before it is embedded: a scratch on the
    border of two patches would else be half a scratch in each.
    """
    for number, (filters, size) in enumerate(_STEM, start=1):
        name = f"stem_{number}"
        flow = keras.layers.Conv2D(
            filters, size, strides=2, padding="same", use_bias=False, name=f"{name}_conv"
        )(flow)
        flow = keras.layers.BatchNormalization(name=f"{name}_norm")(flow)
        flow = keras.layers.ReLU(name=f"{name}_relu")(flow)
    flow = keras.layers.Conv2D(_WIDTH, 4, strides=4, padding="valid", name="patch_embedding")(flow)
    return keras.layers.Reshape((-1, _WIDTH), name="patches")(flow)


def _mix_places(flow: Any, name: str, dropped: float) -> Any:
    mixed = keras.layers.LayerNormalization(name=f"{name}_norm")(flow)
    mixed = keras.layers.Permute((2, 1), name=f"{name}_turn")(mixed)
    mixed = _mlp(mixed, _TOKEN_HIDDEN, flow.shape[1], name)
    mixed = keras.layers.Permute((2, 1), name=f"{name}_turn_back")(mixed)
    return _skip(flow, mixed, name, dropped)


def _mix_channels(flow: Any, name: str, dropped: float) -> Any:
    mixed = keras.layers.LayerNormalization(name=f"{name}_norm")(flow)
    mixed = _mlp(mixed, _CHANNEL_HIDDEN, _WIDTH, name)
    return _skip(flow, mixed, name, dropped)


def _mlp(flow: Any, hidden: int, width: int, name: str) -> Any:
    flow = keras.layers.Dense(hidden, activation="gelu", name=f"{name}_hidden")(flow)
    return keras.layers.Dense(width, name=f"{name}_out")(flow)


def _skip(flow: Any, mixed: Any, name: str, dropped: float) -> Any:
    """Add what was mixed; in training now and then leave it out for a whole picture."""
    if dropped:
        mixed = keras.layers.Dropout(dropped, noise_shape=(None, 1, 1), name=f"{name}_drop")(mixed)
    return keras.layers.Add(name=f"{name}_add")([flow, mixed])
