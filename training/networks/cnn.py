"""The paper's CNN: convolutions with max pooling, two dense layers, trained from scratch."""

from __future__ import annotations

from typing import Any

import keras

from bundle.manifest import InputSpec
from training.config import Phase
from training.networks.catalogue import register

# From scratch: the norms learn, and most epochs see small pictures, at half the price.
RECIPE = (
    Phase(name="small", epochs=16, learning_rate=2e-3, scale=0.7143, batch_norm="trained"),
    Phase(name="full", epochs=8, learning_rate=7e-4, batch_norm="trained"),
)
# The first epochs of a network from scratch are unsteady: one bad stretch is no end.
DEFAULTS = {"patience": 8, "weight_decay": 0.02}

# Filters of the blocks behind the stem; each block halves the picture by its pooling.
_STEM_FILTERS = 16
_FILTERS = (32, 64, 128, 192)


@register("cnn", RECIPE, defaults=DEFAULTS)
def build_cnn(spec: InputSpec, labels: int) -> Any:
    """Build the network: raw pictures in 0..255 go in, logits come out."""
    pictures = keras.Input((spec.height, spec.width, spec.channels), name="pictures")
    flow = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(pictures)
    flow = _convolve(flow, _STEM_FILTERS, "stem", size=5, strides=2)
    for number, filters in enumerate(_FILTERS, start=1):
        flow = keras.layers.MaxPooling2D(name=f"block_{number}_pooling")(flow)
        flow = _convolve(flow, filters, f"block_{number}")
    # A defect is a small thing somewhere: its strongest trace counts, wherever it lies.
    strongest = keras.layers.GlobalMaxPooling2D(name="head_strongest")(flow)
    average = keras.layers.GlobalAveragePooling2D(name="head_average")(flow)
    flow = keras.layers.Concatenate(name="head_features")([strongest, average])
    flow = keras.layers.Dense(128, activation="relu", name="head_dense_1")(flow)
    flow = keras.layers.Dropout(0.5, name="head_dropout")(flow)
    flow = keras.layers.Dense(64, activation="relu", name="head_dense_2")(flow)
    logits = keras.layers.Dense(labels, name="head_logits")(flow)
    return keras.Model(pictures, logits, name="cnn")


def _convolve(flow: Any, filters: int, name: str, size: int = 3, strides: int = 1) -> Any:
    flow = keras.layers.Conv2D(
        filters, size, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"
    )(flow)
    flow = keras.layers.BatchNormalization(name=f"{name}_norm")(flow)
    return keras.layers.ReLU(name=f"{name}_relu")(flow)
