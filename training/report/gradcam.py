"""What a Keras model looked at: Grad-CAM heat maps, and how they are laid over the picture."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.errors import ModelError

Heat = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_BATCH = 8
_STRONGEST_COVER = 0.65
_CONTOUR_AT = 0.5
_FAINT = 0.4  # below the contour: no line where nothing speaks for a defect


def heat_maps(model: Any, pictures: Pixels, defective: Sequence[int]) -> Heat:
    """Return a map in 0..1 for each prepared picture: where the signs of a defect lie.

    Grad-CAM (Selvaraju and others, 2017) at the last feature map, for the logits of the `defective`
    labels against the others, since only their difference makes the score. Where every place speaks
    against a defect the map never reaches a half: it shows where the picture came nearest to one.
    Raises ModelError for another backend than TensorFlow, or a model without a feature map.
    """
    front, rest = _cut_model(model)
    columns = np.full(model.output_shape[-1], -1.0, np.float32)
    columns[list(defective)] = 1.0
    chunks = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
    maps = [_explain(front, rest, chunk, columns) for chunk in chunks]
    return _enlarge(np.concatenate(maps), pictures.shape[1:3])


def lay_over(picture: Pixels, heat: Heat) -> Pixels:
    """Return a gray picture in blue, green, red with its heat on it, and a line around the hottest.

    Cividis is read alike by every eye, and in grey print; where there is no heat the picture stays
    as it is.
    """
    gray = picture if picture.ndim == 2 else picture[..., 0]
    if picture.ndim == 3 and picture.shape[2] == 3:
        gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    base = np.repeat(gray[..., np.newaxis], 3, axis=2).astype(np.float32)
    levels = (np.clip(heat, 0.0, 1.0) * 255).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_CIVIDIS).astype(np.float32)
    cover = _STRONGEST_COVER * np.clip(heat, 0.0, 1.0)[..., np.newaxis]
    mixed = np.asarray(base * (1.0 - cover) + colours * cover, np.uint8)
    hot = (heat >= _CONTOUR_AT).astype(np.uint8)
    lines, _ = cv2.findContours(hot, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(mixed, lines, -1, (0, 0, 0), 3)
    cv2.drawContours(mixed, lines, -1, (255, 255, 255), 1)
    return mixed


def _cut_model(model: Any) -> tuple[Any, Any]:
    """Return the model up to its last feature map, and what makes logits of that map."""
    keras = importlib.import_module("keras")  # here: a page without heat maps needs none
    if keras.backend.backend() != "tensorflow":
        raise ModelError(
            f"heat maps need Keras on TensorFlow, not on {keras.backend.backend()}: "
            "set KERAS_BACKEND=tensorflow"
        )
    for layer in reversed(model.layers):
        if _grid(layer.output.shape) is not None:
            return keras.Model(model.input, layer.output), keras.Model(layer.output, model.output)
    raise ModelError(f"{model.name} has no feature map that a heat map could be made of")


def _grid(shape: Sequence[int | None]) -> tuple[int, int] | None:
    """Return rows and columns of a feature map: of places, or of tokens that tile a square."""
    if len(shape) == 4 and shape[1] is not None and shape[2] is not None:
        return (shape[1], shape[2]) if shape[1] * shape[2] > 1 else None
    if len(shape) == 3 and shape[1] is not None and shape[1] > 1:
        side = math.isqrt(shape[1])
        return (side, side) if side * side == shape[1] else None
    return None


def _explain(front: Any, rest: Any, pictures: Pixels, columns: NDArray[np.float32]) -> Heat:
    tensorflow = importlib.import_module("tensorflow")
    features = tensorflow.convert_to_tensor(front(pictures.astype(np.float32), training=False))
    with tensorflow.GradientTape() as tape:
        tape.watch(features)
        margin = tensorflow.reduce_sum(
            tensorflow.cast(rest(features, training=False), "float32") * columns
        )
    slopes = np.asarray(tape.gradient(margin, features), np.float32)
    values = np.asarray(features, np.float32)
    places = tuple(range(1, values.ndim - 1))
    weights = slopes.mean(axis=places, keepdims=True)
    heat = (values * weights).sum(axis=-1)
    rows, columns_of_map = _grid(features.shape) or (1, 1)
    heat = heat.reshape(len(pictures), rows, columns_of_map)
    return np.stack([_scale(one) for one in heat])


def _scale(signs: Heat) -> Heat:
    """Return the signs of a defect in 0..1; where all speak against one, the least, and faintly."""
    strongest = float(signs.max())
    if strongest > 0.0:
        return np.asarray(np.maximum(signs, 0.0) / strongest, np.float32)
    lowest = float(signs.min())
    reach = strongest - lowest if strongest > lowest else 1.0
    return np.asarray(_FAINT * (signs - lowest) / reach, np.float32)


def _enlarge(maps: Heat, size: tuple[int, ...]) -> Heat:
    height, width = size
    grown = [cv2.resize(one, (width, height), interpolation=cv2.INTER_CUBIC) for one in maps]
    return np.asarray(np.clip(np.stack(grown), 0.0, 1.0), np.float32)
