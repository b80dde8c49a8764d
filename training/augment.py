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
    its centre, slanted and shrunk by as much, and shifted by no more than the shrinking left free.
    """
    moved = _move(pixels, options, random)
    lit = _light(_shade(moved, options, random), options, random)
    return _roughen(lit, options, random)


def _move(pixels: Pixels, options: Augmentation, random: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    zoom = 1.0 - random.uniform(0.0, options.zoom_out)
    angle_deg = random.uniform(-options.rotation_deg, options.rotation_deg)
    centre = ((width - 1) / 2, (height - 1) / 2)
    slant = random.uniform(-options.shear, options.shear)
    matrix = cv2.getRotationMatrix2D(centre, angle_deg, zoom / (1.0 + abs(slant)))
    matrix = _slant(slant, centre) @ np.vstack([matrix, [0.0, 0.0, 1.0]])
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


def _slant(slant: float, centre: tuple[float, float]) -> NDArray[np.float64]:
    """Return the map (2, 3) that moves each row sideways by its distance from the centre."""
    return np.array([[1.0, slant, -slant * centre[1]], [0.0, 1.0, 0.0]], np.float64)


def _shade(pixels: Pixels, options: Augmentation, random: np.random.Generator) -> Pixels:
    """Light three in four pictures as another lamp would: across the part, or in sectors about it.

    Turned metal throws light back in sectors, wherever the lamp stands.
    """
    if options.shade == 0.0 or random.random() < 0.25:
        return pixels
    height, width = pixels.shape[:2]
    if random.random() < 0.5:
        coarse = 1.0 + random.uniform(-options.shade, options.shade, (3, 3)).astype(np.float32)
        light = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    else:
        light = _sectors(height, width, options.shade, random)
    lit = pixels * light[:, :, np.newaxis]
    return np.asarray(np.clip(np.rint(lit), 0, 255), np.uint8)


def _sectors(
    height: int, width: int, depth: float, random: np.random.Generator
) -> NDArray[np.float32]:
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    angle = np.arctan2(rows - height / 2, columns - width / 2)
    light = np.ones((height, width), np.float32)
    for waves in (1, 2, 3, 4):
        size = np.float32(random.uniform(0.0, depth / 2))
        light += size * np.cos(waves * angle + np.float32(random.uniform(0, 2 * np.pi)))
    return light


def _light(pixels: Pixels, options: Augmentation, random: np.random.Generator) -> Pixels:
    """Change gamma, contrast about middle grey, and brightness by one table of 256 levels."""
    gain = 1.0 + random.uniform(-options.contrast, options.contrast)
    offset = random.uniform(-options.brightness, options.brightness)
    gamma = float(np.exp(random.uniform(-options.gamma, options.gamma)))
    toned = 255.0 * (np.arange(256.0) / 255.0) ** gamma
    levels = (toned - 128.0) * gain + 128.0 + offset
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
