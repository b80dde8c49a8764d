"""Bytes of picture files -> pixels; what is cut short is no picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

Pixels = NDArray[np.uint8]

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp"})

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_JPEG_TAIL_BYTES = 4096  # some cameras write a few bytes after the end of the picture


def decode_picture(data: bytes) -> Pixels | None:
    """Return the picture in blue, green, red, or None where the bytes are no whole picture."""
    if not data or _is_cut(data):
        return None
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
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


def _is_cut(data: bytes) -> bool:
    """Tell whether a JPEG lacks its end: OpenCV would fill the rest with gray and say nothing."""
    return data.startswith(_JPEG_START) and _JPEG_END not in data[-_JPEG_TAIL_BYTES:]
