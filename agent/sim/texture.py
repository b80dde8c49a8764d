"""Noise for drawn surfaces, cut from a bank which is filled once and never changes."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

_BANK = 2048  # each picture starts at a place of its own, so no two share their noise
_BANK_SEED = 20_231


def grain(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Return white noise of variance 1. The array may be a view: don't write to it."""
    return _cut(rng, 0, height, width)


def cloud(rng: np.random.Generator, height: int, width: int, scale: int) -> Plane:
    """Return smooth noise of variance 1 whose blotches are about `scale` pixels wide."""
    rows, columns = height // scale + 4, width // scale + 4
    step = max(1, scale // 4)  # smooth at a quarter of the size; the rest is a straight line
    small = _cut(rng, 0, rows, columns)
    grown = cv2.resize(small, (columns * step, rows * step), interpolation=cv2.INTER_CUBIC)
    inner = grown[step : step + height * step // scale, step : step + width * step // scale]
    return np.asarray(cv2.resize(inner, (width, height)), np.float32)


def mottle(rng: np.random.Generator, height: int, width: int) -> Plane:
    """Return noise of variance 1 with grains of some three pixels: a cast skin."""
    return _cut(rng, 1, height, width)


def _cut(rng: np.random.Generator, layer: int, height: int, width: int) -> Plane:
    bank = _bank()[layer]
    y = int(rng.integers(0, _BANK - height))
    x = int(rng.integers(0, _BANK - width))
    return bank[y : y + height, x : x + width]


@functools.cache
def _bank() -> tuple[Plane, Plane]:
    """Drawing fresh noise would take most of a picture's time."""
    fine = np.random.default_rng(_BANK_SEED).standard_normal((_BANK, _BANK), np.float32)
    coarse = np.asarray(cv2.GaussianBlur(fine, (0, 0), 1.3), np.float32)
    coarse /= coarse.std()
    for plane in (fine, coarse):
        plane.flags.writeable = False
    return fine, coarse
