"""Lights a picture like another one, so that a lamp cannot be told from a defect.

Parts are photographed a few at a time, each lot under its own light, and a lot is often all good or
all bad: light alone then tells the label (`linewarden audit` measures how well).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_LEAST_SIGMA, _MOST_SIGMA = 0.03, 0.12  # shares of the picture's side
_MOST_GAIN = 2.0
_FLOOR = np.float32(8.0)  # gray levels; black has no light of its own to compare


def relight_like(pixels: Pixels, other: Pixels, random: np.random.Generator) -> Pixels:
    """Return prepared `pixels` with the broad light and shade of `other`, of the same shape.

    Only what is wider than some twentieth of the picture changes, and by no more than twice: marks
    and edges stay as they are.
    """
    sigma_px = pixels.shape[0] * random.uniform(_LEAST_SIGMA, _MOST_SIGMA)
    turned = np.rot90(other, int(random.integers(4))) if other.shape[0] == other.shape[1] else other
    ratio = _light(turned, sigma_px) / _light(pixels, sigma_px)
    gain = np.clip(ratio, 1.0 / _MOST_GAIN, _MOST_GAIN) ** np.float32(random.uniform(0.5, 1.0))
    return np.asarray(np.clip(np.rint(pixels * gain), 0, 255), np.uint8)


def _light(pixels: Pixels, sigma_px: float) -> NDArray[np.float32]:
    soft = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), sigma_px)
    light: NDArray[np.float32] = np.asarray(soft, np.float32).reshape(pixels.shape) + _FLOOR
    return light
