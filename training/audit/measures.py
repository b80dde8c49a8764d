"""One picture -> its few figures, a thumbnail and a perceptual hash; pure arithmetic on pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.audit.modes import read_mode
from training.pictures import decode_picture

Pixels = NDArray[np.uint8]

THUMB_PX, HASH_ROWS = 32, 16
LEAST_SIDE_PX = 8

_WORKING_PX = 512  # sharpness and noise of larger pictures are taken at this size
_BORDER_SHARE = 0.05
# Immerkaer, "Fast noise variance estimation", 1996: blind to edges, sensitive to noise.
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True, slots=True)
class Content:
    """What one file's bytes hold; gray values run from 0 to 255.

    `sharpness` is log2 of the Laplacian's variance, `border` the brightness of the outermost 5 %,
    `colour` the mean spread between blue, green and red. `thumb` is 32x32 gray, `bits` a difference
    hash of 256 bits.
    """

    height: int
    width: int
    mode: str
    turned: bool
    coarseness: float
    brightness: float
    contrast: float
    sharpness: float
    noise: float
    border: float
    colour: float
    thumb: bytes
    bits: bytes


def measure_bytes(data: bytes) -> Content | None:
    """Return the figures of a picture file, or None where its bytes are no whole picture."""
    frame = decode_picture(data)
    if frame is None or min(frame.shape[:2]) < LEAST_SIDE_PX:
        return None
    mode = read_mode(data)
    gray = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
    mean, spread = cv2.meanStdDev(gray)
    working = _shrink(gray)
    return Content(
        height=gray.shape[0],
        width=gray.shape[1],
        mode=mode.name,
        turned=mode.turned,
        coarseness=round(mode.coarseness, 4),
        brightness=round(float(mean[0, 0]), 4),
        contrast=round(float(spread[0, 0]), 4),
        sharpness=round(float(np.log2(1.0 + cv2.Laplacian(working, cv2.CV_32F).var())), 4),
        noise=round(_noise(working), 4),
        border=round(_border(gray), 4),
        colour=round(_colour(frame), 4),
        thumb=_resize(gray, THUMB_PX, THUMB_PX).tobytes(),
        bits=difference_hash(gray),
    )


def difference_hash(gray: Pixels) -> bytes:
    """Return 256 bits: whether each of 16x16 places is darker than its neighbour to the right."""
    small = _resize(gray, HASH_ROWS + 1, HASH_ROWS).astype(np.int16)
    return np.packbits(small[:, 1:] > small[:, :-1]).tobytes()


def _shrink(gray: Pixels) -> Pixels:
    scale = _WORKING_PX / max(gray.shape)
    if scale >= 1.0:
        return gray
    return _resize(gray, max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale)))


def _resize(gray: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(cv2.resize(gray, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _noise(gray: Pixels) -> float:
    answer = cv2.filter2D(gray, cv2.CV_32F, _NOISE_KERNEL)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) * np.abs(answer).mean() / 6)


def _border(gray: Pixels) -> float:
    rows, columns = (max(1, round(side * _BORDER_SHARE)) for side in gray.shape)
    edges = (gray[:rows], gray[-rows:], gray[rows:-rows, :columns], gray[rows:-rows, -columns:])
    return float(np.concatenate([edge.ravel() for edge in edges]).mean())


def _colour(frame: Pixels) -> float:
    small = cv2.resize(frame, (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA)
    return float((small.max(axis=2).astype(np.float32) - small.min(axis=2)).mean())
