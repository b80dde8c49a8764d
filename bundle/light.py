"""Brightness and sharpness of a frame; the only such code, at export and on the line."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Window = tuple[int, int, int, int]

# Every 8th pixel of every 8th row says enough about the whole; of large frames fewer.
_STEP, _SAMPLES = 8, 128
_SHARP_SIDE = 512  # sharpness is measured on a window of at most this side, in the middle


def sample(pixels: Pixels) -> Pixels:
    """Return some of the pixels, of the green channel where there are three, as a copy."""
    step = max(_STEP, max(pixels.shape[:2]) // _SAMPLES)
    plane: Pixels = pixels if pixels.ndim == 2 else pixels[..., min(1, pixels.shape[2] - 1)]
    return np.array(plane[::step, ::step], np.uint8)


def levels(some: Pixels) -> tuple[float, float]:
    """Return mean and spread of the levels of a sample, 0..255."""
    mean, spread = cv2.meanStdDev(some)
    return float(mean[0, 0]), float(spread[0, 0])


def brightness(pixels: Pixels) -> float:
    """Return the mean level of the whole frame, 0..255."""
    return levels(sample(pixels))[0]


def is_gray(pixels: Pixels) -> bool:
    """Tell whether a frame has no colour, however many channels it has."""
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return True
    some = pixels[::_STEP, ::_STEP, :3]
    return bool(np.array_equal(some, np.broadcast_to(some[..., :1], some.shape)))


class Sharpness:
    """Measures how sharp a frame is. Holds scratch memory: one lane's own.

    `window` is the region of interest as (x, y, width, height), None for the whole frame.
    """

    def __init__(self, window: Window | None = None) -> None:
        self.window = window
        self._edges = np.empty((0, 0), np.int16)

    def of(self, pixels: Pixels) -> float:
        """Return the variance of the Laplacian in the middle of the window: more is sharper."""
        part = self._middle(pixels)
        if part.ndim == 3:
            part = np.asarray(cv2.cvtColor(part, cv2.COLOR_BGR2GRAY), np.uint8)
        if self._edges.shape != part.shape:
            self._edges = np.empty(part.shape, np.int16)
        cv2.Laplacian(part, cv2.CV_16S, dst=self._edges)
        spread = cv2.meanStdDev(self._edges)[1]
        return float(spread[0, 0]) ** 2

    def _middle(self, pixels: Pixels) -> Pixels:
        height, width = pixels.shape[:2]
        x, y, wide, high = self.window or (0, 0, width, height)
        side_x, side_y = min(wide, _SHARP_SIDE), min(high, _SHARP_SIDE)
        left, top = x + (wide - side_x) // 2, y + (high - side_y) // 2
        part = pixels[top : top + side_y, left : left + side_x]
        return part if part.size else pixels
