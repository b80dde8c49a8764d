"""MobileNetV2 with global average pooling and one dense layer, for gray or colour pictures."""

from __future__ import annotations

import os
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import keras

from bundle.manifest import InputSpec
from training.config import Phase
from training.errors import WeightsError
from training.networks.catalogue import register

# Small pictures first: most of what there is to learn costs half as much there.
RECIPE = (
    Phase(name="head", epochs=1, learning_rate=2e-3, scale=0.7143, trained="head"),
    Phase(name="small", epochs=8, learning_rate=3e-4, scale=0.7143),
    Phase(name="full", epochs=6, learning_rate=1.5e-4),
)

_STEM = "Conv1"
_ONLINE = (
    "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
)


def load_backbone(model: Any, weights: str) -> None:
    """Fill the backbone from a file of Keras's three-channel MobileNetV2, or from "imagenet".

    For gray pictures the first kernel is summed over its three channels, which is exact: they
    would all see the same value. Raises WeightsError.
    """
    online = weights == "imagenet"
    if online:
        _check_reach()
    donor = keras.applications.MobileNetV2(
        include_top=False,
        weights="imagenet" if online else None,
        input_shape=(224, 224, 3),
    )
    if not online:
        _load_file(donor, weights)
    gray = model.input_shape[-1] == 1
    for layer in donor.layers:
        values = layer.get_weights()
        if not values:
            continue
        if layer.name == _STEM and gray:
            values = [values[0].sum(axis=2, keepdims=True)]
        model.get_layer(layer.name).set_weights(values)


@register("mobilenet_v2", RECIPE, load_backbone)
def build_mobilenet_v2(spec: InputSpec, labels: int) -> Any:
    """Build the network: raw pictures in 0..255 go in, logits come out."""
    shape = (spec.height, spec.width, spec.channels)
    pictures = keras.Input(shape, name="pictures")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(pictures)
    backbone = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_tensor=scaled, input_shape=shape
    )
    pooled = keras.layers.GlobalAveragePooling2D(name="head_pooling")(backbone.output)
    dropped = keras.layers.Dropout(0.3, name="head_dropout")(pooled)
    logits = keras.layers.Dense(labels, name="head_logits")(dropped)
    return keras.Model(pictures, logits, name="mobilenet_v2")


def _load_file(donor: Any, file: str) -> None:
    if not Path(file).exists():
        raise WeightsError(f"there is no weights file {file}")
    try:
        with warnings.catch_warnings():
            # Keras warns of each layer it cannot fill before it raises: one line is enough.
            warnings.filterwarnings("error", message="Skipping")
            donor.load_weights(file)
    except (UserWarning, ValueError, OSError, KeyError) as error:
        raise WeightsError(
            f"{file} does not hold weights of keras.applications.MobileNetV2 without its top"
        ) from error


def _check_reach() -> None:
    """Refuse in one line what Keras would report as a bare Exception: no way to its weights."""
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    if (home / "models" / _ONLINE.rpartition("/")[2]).exists():
        return
    try:
        urllib.request.urlopen(_ONLINE, timeout=20).close()
    except OSError as error:
        raise WeightsError(
            "cannot download Keras's weights of MobileNetV2: give --weights FILE.h5, "
            "or --weights none to train from scratch"
        ) from error
