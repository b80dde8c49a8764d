"""Bytes of picture files -> 8-bit pixels in three channels; what is cut short is no picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.containers import has_frames, is_cut, keep_colour
from training.errors import DataError

Pixels = NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})


def is_picture_file(path: Path) -> bool:
    """Tell by its name whether a file is a picture; hidden files are none."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def decode_picture(data: bytes) -> Pixels | None:
    """Return the picture in blue, green, red, or None where the bytes are no whole picture.

    All modes come out as the device's camera gives its frames: 16 bits are scaled to 8 (the full
    range, not the brightest value found), gray, palette and CMYK become colour, alpha is dropped
    and the colour under it stays, a turn noted in EXIF is made. None as well for several frames in
    one file (a label is of one picture) and for pixels that are no levels of gray (float).
    """
    if not data or is_cut(data) or has_frames(data):
        return None
    try:
        frame = cv2.imdecode(np.frombuffer(keep_colour(data), np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:  # for instance more pixels than OpenCV agrees to
        return None
    return None if frame is None else np.asarray(frame, np.uint8)


def load_picture(path: Path) -> Pixels:
    """Return the pixels of a file that was readable before. Raises DataError if it is not now."""
    try:
        frame = decode_picture(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if frame is None:
        raise DataError(f"{path} was readable before and is not now")
    return frame
