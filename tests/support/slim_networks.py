"""Small networks of each family, with weights that hide no mistake, for the tests of pruning."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import InputSpec
from export.slim.surgery import mask_channels, widths_of
from training.networks.catalogue import build_network

SPEC = InputSpec(height=64, width=64, frame_height=64, frame_width=64)
LABELS = 2


def build_narrow(name: str, spec: InputSpec = SPEC) -> Any:
    """Build a network of the catalogue, its backbone narrower and shallower where it has one."""
    import keras
    from keras.src.applications.efficientnet import EfficientNet

    keras.utils.set_random_seed(1)
    mobile = partial(keras.applications.MobileNetV2, alpha=0.35)
    efficient = partial(
        EfficientNet, 0.35, 0.35, 64, dropout_rate=0.2, name="efficientnetb0", weights_name="b0"
    )
    with (
        patch.object(keras.applications, "MobileNetV2", mobile),
        patch.object(keras.applications, "EfficientNetB0", efficient),
    ):
        return build_network(name, spec, LABELS, None)


def build_branched(size: int = 16) -> Any:
    """Build a network by hand: two branches, a sum, a concatenation, a norm on it, a flattening."""
    import keras

    keras.utils.set_random_seed(1)
    layers = keras.layers
    pictures = keras.Input((size, size, 3), name="pictures")
    flow = layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(pictures)
    first = layers.Conv2D(8, 3, padding="same", activation="relu", name="first")(flow)
    first = layers.MaxPooling2D(name="pooling")(first)
    left = layers.Conv2D(6, 3, padding="same", use_bias=False, name="left")(first)
    left = layers.BatchNormalization(name="left_norm")(left)
    left = layers.DepthwiseConv2D(3, strides=2, padding="same", name="left_deep")(left)
    right = layers.Conv2D(6, 1, strides=2, name="right")(first)
    both = layers.Add(name="both")([left, right])
    shrunk = layers.AveragePooling2D(2, name="shrunk")(first)
    flow = layers.Concatenate(name="features")([both, shrunk, both])
    flow = layers.BatchNormalization(scale=False, name="features_norm")(flow)
    flow = layers.Flatten(name="flat")(layers.ReLU(name="features_relu")(flow))
    flow = layers.Dense(10, activation="tanh", name="hidden")(flow)
    flow = layers.Dropout(0.5, name="dropout")(flow)
    return keras.Model(pictures, layers.Dense(LABELS, name="logits")(flow), name="branched")


def draw_pictures(model: Any, seed: int, count: int = 4) -> NDArray[np.float32]:
    """Draw pictures of coarse blots, so that they differ in more than noise."""
    random = np.random.default_rng(seed)
    _, height, width, channels = model.input_shape
    coarse = random.integers(0, 256, (count, height // 8 + 1, width // 8 + 1, channels))
    fine = np.kron(coarse, np.ones((1, 8, 8, 1)))[:, :height, :width]
    return np.asarray(np.clip(fine + random.normal(0, 20, fine.shape), 0, 255), np.float32)


def shake_weights(model: Any, seed: int) -> None:
    """Give norms and biases values that are far from those they start with."""
    random = np.random.default_rng(seed)
    for layer in model.layers:
        for weight in layer.weights:
            drawn = random.uniform(0.5, 1.5, weight.shape)
            if weight.name == "gamma":
                weight.assign(drawn * np.where(random.random(weight.shape) < 0.2, -1, 1))
            elif weight.name in ("beta", "bias"):
                weight.assign(random.normal(0, 0.4, weight.shape))
    _settle_norms(model, model, seed)


def shake_for(model: Any, keep: Mapping[str, NDArray[np.int64]], seed: int) -> None:
    """Shake weights so that pictures matter when only some channels are left.

    In a deep network of random weights whose norms' averages are those of another network, the
    signal dies, and logits that depend on no picture prove nothing.
    """
    shake_weights(model, seed)
    _settle_norms(model, mask_channels(model, keep), seed)


def _settle_norms(model: Any, masked: Any, seed: int) -> None:
    """Give the norms averages not far from those that the masked network has on drawn pictures."""
    import keras

    random = np.random.default_rng(seed)
    norms = [one for one in masked.layers if isinstance(one, keras.layers.BatchNormalization)]
    stay = [norm.moving_variance.numpy() > 0.0 for norm in norms]
    momentums = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    masked(draw_pictures(model, seed + 1, count=8), training=True)
    for norm, kept, momentum in zip(norms, stay, momentums, strict=True):
        norm.momentum, ours = momentum, model.get_layer(norm.name)
        mean, variance = norm.moving_mean.numpy(), norm.moving_variance.numpy()
        mean += 0.1 * np.sqrt(variance) * random.normal(0, 1, mean.shape)
        variance = variance * random.uniform(0.6, 1.7, mean.shape)
        ours.moving_mean.assign(np.where(kept, mean, ours.moving_mean.numpy()))
        ours.moving_variance.assign(np.where(kept, variance, ours.moving_variance.numpy()))


def draw_keep(model: Any, seed: int) -> dict[str, NDArray[np.int64]]:
    """Draw which channels stay: in each group at least a quarter, in some groups all."""
    random = np.random.default_rng(seed)
    kept = {}
    for name, width in widths_of(model).items():
        count = (
            width if random.random() < 0.1 else int(random.integers((width + 3) // 4, width + 1))
        )
        kept[name] = np.sort(random.choice(width, count, replace=False))
    return kept


def run_network(model: Any, pictures: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the logits of pictures as the device would see them."""
    return np.asarray(model(pictures, training=False).numpy(), np.float64)
