"""The pictures that a bundle's golden frames are made of: rendered ones, or drawn here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from bundle.manifest import InputSpec
from bundle.prepare import Pixels
from export.errors import GoldenFramesError
from training.pictures import SUFFIXES

FRAMES = 4
_SEED = 20


def golden_frames(folder: Path | None, spec: InputSpec) -> list[Pixels]:
    """Return the frames: some of the folder's pictures, or drawn ones where there is no folder.

    They show that a device computes what the workstation computed, so any picture will do; those
    of a data set whose licence forbids copies will not. Raises GoldenFramesError.
    """
    return _drawn(spec) if folder is None else _read(folder)


def _read(folder: Path) -> list[Pixels]:
    """Read pictures spread evenly over the folder, sub-folders too, in the order of names."""
    if not folder.is_dir():
        raise GoldenFramesError(f"there is no folder {folder} with pictures for golden frames")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise GoldenFramesError(f"{folder} holds no pictures for golden frames")
    places = np.linspace(0, len(paths) - 1, min(FRAMES, len(paths))).round().astype(int)
    return [_read_picture(paths[place]) for place in places]


def _read_picture(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise GoldenFramesError(f"the golden picture {path} cannot be read")
    frame = np.asarray(pixels, np.uint8)
    # A gray picture takes a third of the room when it is kept as one.
    gray = bool((frame[..., :1] == frame).all())
    return np.ascontiguousarray(frame[..., 0]) if gray else frame


def _drawn(spec: InputSpec) -> list[Pixels]:
    """Draw discs on a slope of light, of the camera's size; the same ones each time."""
    random = np.random.default_rng(_SEED)
    height, width = spec.frame_height, spec.frame_width
    frames: list[Pixels] = []
    for _ in range(FRAMES):
        slope = np.linspace(random.integers(20, 90), random.integers(120, 250), width)
        frame = np.repeat(slope[np.newaxis].astype(np.uint8), height, axis=0)
        for _ in range(6):
            centre = (int(random.integers(width)), int(random.integers(height)))
            radius = int(random.integers(2, max(3, min(height, width) // 3)))
            cv2.circle(frame, centre, radius, int(random.integers(256)), thickness=-1)
        frames.append(frame)
    return frames
