"""MobileNetV2 with global average pooling and one dense layer, for gray or colour pictures."""

from __future__ import annotations

from typing import Any

import keras

from bundle.manifest import InputSpec
from training.config import Phase
from training.networks.backbone import Application, copy_layers, read_donor
from training.networks.catalogue import register

# Small pictures first: most of what there is to learn costs half as much there.
RECIPE = (
    Phase(name="head", epochs=1, learning_rate=2e-3, scale=0.7143, trained="head"),
    Phase(name="upper", epochs=3, learning_rate=5e-4, scale=0.7143, trained="upper"),
    Phase(name="small", epochs=4, learning_rate=3e-4, scale=0.7143),
    Phase(name="full", epochs=3, learning_rate=1.5e-4),
)

_STEM = "Conv1"
_UPPER = "block_6_expand"  # what follows works on 14 x 14 places of a picture of 224
_APPLICATION = Application(
    "MobileNetV2",
    "tensorflow/keras-applications/mobilenet_v2/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
)


def load_backbone(model: Any, weights: str) -> None:
    """Fill the backbone from a file of Keras's three-channel MobileNetV2, or from "imagenet".

    For gray pictures the first kernel is summed over its three channels, which is exact: they
    would all see the same value. Raises WeightsError.
    """
    donor = read_donor(_APPLICATION, weights)
    kernel = donor.get_layer(_STEM).get_weights()[0]
    if model.input_shape[-1] == 1:
        kernel = kernel.sum(axis=2, keepdims=True)
    copy_layers(donor, model, {_STEM: [kernel]})


@register("mobilenet_v2", RECIPE, load_backbone, upper=_UPPER)
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
