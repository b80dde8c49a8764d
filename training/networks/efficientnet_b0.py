"""EfficientNetB0 with the paper's two dense layers on top, for gray or colour pictures."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bundle.manifest import InputSpec
from training.config import Phase
from training.networks.backbone import Application, Values, copy_layers, read_donor
from training.networks.catalogue import register

# Small pictures first, as for MobileNetV2, and the early layers as they are: on two cores a step
# of all layers at 224 pixels takes three times as long as one of the upper layers at 160.
RECIPE = (
    Phase(name="head", epochs=1, learning_rate=1e-3, scale=0.7143, trained="head"),
    Phase(name="upper", epochs=5, learning_rate=3e-4, scale=0.7143, trained="upper"),
    Phase(name="full", epochs=3, learning_rate=1.5e-4),
)

_APPLICATION = Application("EfficientNetB0", "keras-applications/efficientnetb0_notop.h5")
_PAD, _STEM, _STEM_NORM = "stem_conv_pad", "stem_conv", "stem_bn"
_UPPER = "block4a_expand_conv"  # what follows works on 14 x 14 places of a picture of 224

# ImageNet's mean and deviation of values in 0..1; for one channel those of its gray pictures.
_MEAN = {1: [0.449], 3: [0.485, 0.456, 0.406]}
_DEVIATION = {1: [0.226], 3: [0.229, 0.224, 0.225]}


def load_backbone(model: Any, weights: str) -> None:
    """Fill the backbone from a file of Keras's EfficientNetB0, or from "imagenet".

    The donor's scaling of each colour becomes the model's own: the ratio of the gains goes into
    the first kernel (summed over the colours for gray pictures, which all see the same value), and
    what is left of the offsets into the mean of the norm behind it. That is exact but for the last
    row and column of the first layer, which see the padding. Raises WeightsError.
    """
    donor = read_donor(_APPLICATION, weights)
    gains, offsets = _donor_scaling(donor)
    own_gains, own_offsets = _own_scaling(model.input_shape[-1])
    ratios = gains / own_gains
    kernel = donor.get_layer(_STEM).get_weights()[0]
    left = np.einsum("hwco,c->o", kernel, offsets - ratios * own_offsets)
    kernel = kernel * ratios[:, np.newaxis]
    if model.input_shape[-1] == 1:
        kernel = kernel.sum(axis=2, keepdims=True)
    gamma, beta, mean, variance = donor.get_layer(_STEM_NORM).get_weights()
    norm: Values = [gamma, beta, mean - left, variance]
    copy_layers(donor, model, {_STEM: [kernel], _STEM_NORM: norm})


@register("efficientnet_b0", RECIPE, load_backbone, upper=_UPPER)
def build_efficientnet_b0(spec: InputSpec, labels: int) -> Any:
    """Build the network: raw pictures in 0..255 go in, logits come out."""
    backbone = _build_backbone((spec.height, spec.width, spec.channels))
    flow = keras.layers.GlobalAveragePooling2D(name="head_pooling")(backbone.output)
    flow = keras.layers.Flatten(name="head_flatten")(flow)
    flow = keras.layers.Dropout(0.3, name="head_dropout")(flow)
    flow = keras.layers.Dense(1024, activation="relu", name="head_dense_1")(flow)
    flow = keras.layers.Dense(512, activation="relu", name="head_dense_2")(flow)
    logits = keras.layers.Dense(labels, name="head_logits")(flow)
    return keras.Model(backbone.input, logits, name="efficientnet_b0")


def _build_backbone(shape: tuple[int, int, int]) -> Any:
    """Return Keras's network with one layer of fixed scaling in place of its own two.

    Keras's Normalization keeps its values where `set_weights` does not reach them and compiles them
    in at the first call; on the device it would be three operators more than a multiplication.
    """
    stock = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=shape)
    gains, offsets = _own_scaling(shape[-1])

    def clone(layer: Any) -> Any:
        if isinstance(layer, keras.layers.Rescaling):
            return keras.layers.Rescaling(gains.tolist(), offsets.tolist(), name="scaling")
        return layer.__class__.from_config(layer.get_config())

    def call(layer: Any, *args: Any, **options: Any) -> Any:
        if isinstance(layer, keras.layers.Normalization):
            return args[0]
        return layer(*args, **options)

    pictures = keras.Input(shape, name="pictures")
    return keras.models.clone_model(
        stock, input_tensors=pictures, clone_function=clone, call_function=call
    )


def _own_scaling(channels: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gain and offset per channel, from 0..255 to mean 0 and deviation 1."""
    mean, deviation = np.array(_MEAN[channels]), np.array(_DEVIATION[channels])
    return 1 / (255.0 * deviation), -mean / deviation


def _donor_scaling(donor: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gain and offset per colour of whatever the donor does before its first padding."""
    scaling = keras.Model(donor.input, donor.get_layer(_PAD).input)
    black_and_white = np.zeros((2, *donor.input_shape[1:]), np.float32)
    black_and_white[1] = 255.0
    scaled = keras.ops.convert_to_numpy(scaling(black_and_white))[:, 0, 0].astype(np.float64)
    return (scaled[1] - scaled[0]) / 255.0, scaled[0]
