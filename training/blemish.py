"""Draws defects on pictures of good parts, so that a defect is what a network learns to look for.

With few good parts a network can know each of them by its marks, and call good what it knows. A
good part with a drawn defect looks like that part and must be called defective (after CutPaste,
Li et al., CVPR 2021).
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Point = tuple[int, int]

# Sizes below are pixels of a picture of 224.
_REFERENCE_PX = 224.0
_TRIES = 24
_VISIBLE = 30
_DARK = 90.0  # a dark mark on what is darker than this could not be seen


def add_defect(pixels: Pixels, reach: tuple[float, float], random: np.random.Generator) -> Pixels:
    """Return a copy of a prepared picture (height, width, channels) with one to three defects.

    They lie between `reach` times the picture's side from its centre, on bright surface: spots,
    chips at an edge, scratches, and bits of the surface in a wrong place.
    """
    marked: Pixels = pixels.copy()
    scale = pixels.shape[0] / _REFERENCE_PX
    for _ in range(int(random.choice((1, 1, 2, 3)))):
        draw = _KINDS[int(random.integers(len(_KINDS)))]
        at = _place(marked, reach, random, edge=draw is _draw_chip)
        marked = draw(marked, at, scale, random)
    if int(cv2.absdiff(marked, pixels).max()) < _VISIBLE:
        # A bit of surface on surface like it: nobody could call that defective.
        at = _place(marked, reach, random, edge=False)
        marked = _darken(marked, _blob(marked, at, 3.0 * scale, 3.0 * scale, random), 0.2)
    return marked


def _place(
    pixels: Pixels, reach: tuple[float, float], random: np.random.Generator, *, edge: bool
) -> Point:
    """Return a point (x, y) on bright surface; the one of many with the strongest edge if asked."""
    side = min(pixels.shape[:2])
    centre = (pixels.shape[1] / 2, pixels.shape[0] / 2)
    best, best_value = (int(centre[0]), int(centre[1])), -1.0
    for _ in range(_TRIES):
        angle, radius = random.uniform(0, 2 * np.pi), side * random.uniform(*reach)
        x, y = int(centre[0] + radius * np.cos(angle)), int(centre[1] + radius * np.sin(angle))
        around = pixels[max(0, y - 3) : y + 4, max(0, x - 3) : x + 4].astype(np.float32)
        bright = float(around.max())
        value = float(around.std()) if edge else float(around.mean())
        if bright > _DARK and not edge and value > _DARK:
            return x, y
        if bright > _DARK and value > best_value:
            best, best_value = (x, y), value
    return best


def _draw_spot(pixels: Pixels, at: Point, scale: float, random: np.random.Generator) -> Pixels:
    """A pore: a small dark hole of uneven outline."""
    radius = scale * random.uniform(1.2, 4.0)
    return _darken(pixels, _blob(pixels, at, radius, radius, random), random.uniform(0.1, 0.6))


def _draw_chip(pixels: Pixels, at: Point, scale: float, random: np.random.Generator) -> Pixels:
    """A broken edge: a longish hole, dark or as bright as bare metal."""
    long, short = scale * random.uniform(2.0, 6.0), scale * random.uniform(1.0, 3.0)
    mask = _blob(pixels, at, long, short, random)
    if random.random() < 0.7:
        return _darken(pixels, mask, random.uniform(0.1, 0.5))
    return _blend(pixels, np.full_like(pixels, 235), mask)


def _draw_scratch(pixels: Pixels, at: Point, scale: float, random: np.random.Generator) -> Pixels:
    """A thin line, darker or brighter than the surface."""
    mask = np.zeros(pixels.shape[:2], np.float32)
    angle, points = random.uniform(0, 2 * np.pi), [at]
    for _ in range(int(random.integers(2, 5))):
        angle += random.normal(0.0, 0.3)
        step = scale * random.uniform(3.0, 9.0)
        points.append(
            (int(points[-1][0] + step * np.cos(angle)), int(points[-1][1] + step * np.sin(angle)))
        )
    line = np.array(points, np.int32).reshape(-1, 1, 2)
    cv2.polylines(mask, [line], isClosed=False, color=1.0, thickness=int(random.integers(1, 3)))
    mask = cv2.GaussianBlur(mask, (0, 0), 0.5).astype(np.float32)
    if random.random() < 0.6:
        return _darken(pixels, mask, random.uniform(0.3, 0.7))
    return _blend(pixels, np.full_like(pixels, 250), mask * np.float32(0.7))


def _draw_patch(pixels: Pixels, at: Point, scale: float, random: np.random.Generator) -> Pixels:
    """A bit of the picture in a wrong place, turned and otherwise lit (CutPaste)."""
    radius = scale * random.uniform(2.5, 7.0)
    height, width = pixels.shape[:2]
    source = (random.uniform(0.2, 0.8) * width, random.uniform(0.2, 0.8) * height)
    turn = cv2.getRotationMatrix2D(source, random.uniform(-180, 180), 1.0)
    turn[:, 2] += np.array(at) - np.array(source)
    moved = cv2.warpAffine(pixels, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
    moved = np.clip(moved * random.uniform(0.7, 1.2), 0, 255).reshape(pixels.shape)
    mask = _blob(pixels, at, radius, radius * random.uniform(0.4, 1.0), random)
    return _blend(pixels, moved.astype(np.uint8), mask)


_Draw = Callable[[Pixels, Point, float, np.random.Generator], Pixels]
_KINDS: tuple[_Draw, ...] = (_draw_spot, _draw_chip, _draw_chip, _draw_scratch, _draw_patch)


def _blob(
    pixels: Pixels, at: Point, long: float, short: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return a soft mask (height, width) of an uneven ellipse."""
    angles = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    ragged = random.uniform(0.7, 1.3, len(angles))
    points = np.stack([long * ragged * np.cos(angles), short * ragged * np.sin(angles)], axis=1)
    turn = random.uniform(0, np.pi)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    # Eighths of a pixel: a hole of one pixel and a half is no square.
    outline = np.rint((points @ rotation.T + np.array(at)) * 8).astype(np.int32)
    mask = np.zeros(pixels.shape[:2], np.float32)
    cv2.fillPoly(mask, [outline.reshape(-1, 1, 2)], 1.0, cv2.LINE_AA, 3)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.6), np.float32)


def _darken(pixels: Pixels, mask: NDArray[np.float32], share: float) -> Pixels:
    return _blend(pixels, (pixels * share).astype(np.uint8), mask)


def _blend(pixels: Pixels, other: Pixels, mask: NDArray[np.float32]) -> Pixels:
    weight = np.clip(mask, 0.0, 1.0)[:, :, np.newaxis]
    mixed = pixels * (1.0 - weight) + other * weight
    return np.asarray(np.rint(mixed), np.uint8)
