"""Changes to training pictures that cannot erase a defect."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.config import Augmentation

Pixels = NDArray[np.uint8]


def augment_picture(pixels: Pixels, options: Augmentation, random: np.random.Generator) -> Pixels:
    """Return a varied copy of a prepared picture of shape (height, width, channels).

    Whatever lies within the circle that fits the picture stays in it: the picture is turned about
    its centre, only ever shrunk, and shifted by no more than the shrinking left free.
    """
    moved = _move(pixels, options, random)
    lit = _light(moved, options, random)
    return _roughen(lit, options, random)


def _move(pixels: Pixels, options: Augmentation, random: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    zoom = 1.0 - random.uniform(0.0, options.zoom_out)
    angle_deg = random.uniform(-options.rotation_deg, options.rotation_deg)
    centre = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(centre, angle_deg, zoom)
    if options.flip and random.random() < 0.5:
        mirror = np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        matrix = matrix @ mirror
    slack = (1.0 - zoom) / 2
    matrix[0, 2] += random.uniform(-slack, slack) * width
    matrix[1, 2] += random.uniform(-slack, slack) * height
    # Cubic, since linear interpolation would blur what the resizing has just kept sharp.
    moved = cv2.warpAffine(
        pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8).reshape(pixels.shape)


def _light(pixels: Pixels, options: Augmentation, random: np.random.Generator) -> Pixels:
    """Change contrast about middle grey, and brightness; a table look-up for each of 256 levels."""
    gain = 1.0 + random.uniform(-options.contrast, options.contrast)
    offset = random.uniform(-options.brightness, options.brightness)
    levels = (np.arange(256.0) - 128.0) * gain + 128.0 + offset
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return np.asarray(table[pixels])


def _roughen(pixels: Pixels, options: Augmentation, random: np.random.Generator) -> Pixels:
    blurred, noisy = random.random() < 0.2, random.random() < 0.33
    if blurred and options.blur_px > 0:
        sigma_px = random.uniform(0.2, max(0.2, options.blur_px))
        soft = cv2.GaussianBlur(pixels, (0, 0), sigma_px)
        pixels = np.asarray(soft, np.uint8).reshape(pixels.shape)
    if noisy and options.noise > 0:
        sigma = random.uniform(0.0, options.noise)
        grain = random.standard_normal(pixels.shape, np.float32) * np.float32(sigma)
        pixels = np.clip(np.rint(pixels + grain), 0, 255).astype(np.uint8)
    return pixels
