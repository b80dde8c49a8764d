"""Local features of a picture, and the same features as a mirror would show them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_FEATURES = 250
LONGEST_SIDE_PX = 300

# Castings are smooth: half of OpenCV's contrast threshold finds their faint marks too.
_CONTRAST, _EDGE = 0.02, 12


@dataclass(frozen=True, slots=True)
class Features:
    """Points (n, 2) in pixels of the scaled picture, RootSIFT descriptors (n, 128), its width."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]
    width: int


def find_features(frame: NDArray[np.uint8]) -> Features:
    """Return the strongest SIFT features of a picture, scaled down to 300 pixels where larger.

    Descriptors are square roots of L1-normalised SIFT (Arandjelovic and Zisserman, CVPR 2012), so
    the dot product of two is their similarity: 1 for equal ones.
    """
    gray = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    scale = LONGEST_SIDE_PX / max(gray.shape[:2])
    if scale < 1.0:
        gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    finder = cv2.SIFT.create(
        nfeatures=MOST_FEATURES, contrastThreshold=_CONTRAST, edgeThreshold=_EDGE
    )
    found, descriptors = finder.detectAndCompute(gray, None)
    if descriptors is None or len(found) == 0:
        empty = np.empty((0, 128), np.float32)
        return Features(np.empty((0, 2), np.float32), empty, gray.shape[1])
    points = np.array([each.pt for each in found], np.float32)
    shares = descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9)
    return Features(points, np.sqrt(shares).astype(np.float32), gray.shape[1])


_FLIP = np.array([-1.0, 1.0], np.float32)


def mirrored(features: Features) -> Features:
    """Return the features as they would be found in the picture's mirror image.

    A descriptor is a grid of 4 by 4 cells with 8 directions each, turned along its main direction.
    A mirror swaps the rows across that direction and the sign of each angle: an exact reordering.
    """
    points = features.points * _FLIP + np.array([features.width - 1.0, 0.0], np.float32)
    return Features(points, features.descriptors[:, _MIRROR], features.width)


def _mirror_order() -> NDArray[np.intp]:
    cells = np.arange(128).reshape(4, 4, 8)
    opposite = (-np.arange(8)) % 8
    return cells[::-1][:, :, opposite].reshape(-1)


_MIRROR = _mirror_order()
