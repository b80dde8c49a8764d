"""Bytes of a camera -> pixels; a frame that is not whole is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
PixelFormat = Literal["mjpeg", "gray", "bgr", "rgb", "yuyv", "i420", "nv12"]
Colour = Literal["gray", "bgr"]

# Bytes per pixel, as a fraction; what a JPEG needs is not known before it is there.
_BYTES = {
    "gray": (1, 1),
    "bgr": (3, 1),
    "rgb": (3, 1),
    "yuyv": (2, 1),
    "i420": (3, 2),
    "nv12": (3, 2),
}
_CODES = {
    ("bgr", "gray"): cv2.COLOR_BGR2GRAY,
    ("rgb", "gray"): cv2.COLOR_RGB2GRAY,
    ("rgb", "bgr"): cv2.COLOR_RGB2BGR,
    ("gray", "bgr"): cv2.COLOR_GRAY2BGR,
    ("yuyv", "bgr"): cv2.COLOR_YUV2BGR_YUYV,
    ("i420", "bgr"): cv2.COLOR_YUV2BGR_I420,
    ("nv12", "bgr"): cv2.COLOR_YUV2BGR_NV12,
}
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PADDING = 1024  # cameras fill the end of a buffer up with zeros


@dataclass(frozen=True, slots=True)
class Layout:
    """How a frame lies in its bytes."""

    pixels: PixelFormat
    width: int
    height: int

    @property
    def frame_bytes(self) -> int | None:
        """Return how many bytes a frame has; None for JPEG, where each is different."""
        share = _BYTES.get(self.pixels)
        return None if share is None else self.width * self.height * share[0] // share[1]


def decode(data: bytes | bytearray | Pixels, layout: Layout, colour: Colour) -> Pixels | None:
    """Return (height, width) or (height, width, 3) pixels, or None for a damaged frame.

    Gray pixels may share the memory of `data`, which must then be left alone. A JPEG has the size
    that it says itself: the caller compares.
    """
    flat = np.frombuffer(data, np.uint8)
    if layout.pixels == "mjpeg":
        return _decode_jpeg(flat, colour)
    if flat.size != layout.frame_bytes:
        return None
    return _convert(flat, layout, colour)


def _convert(flat: Pixels, layout: Layout, colour: Colour) -> Pixels:
    width, height = layout.width, layout.height
    shaped: Pixels
    if layout.pixels in ("i420", "nv12"):
        shaped = flat.reshape(height * 3 // 2, width)
        if colour == "gray":
            return shaped[:height]  # brightness comes first, as a picture of its own
    elif layout.pixels == "yuyv":
        shaped = flat.reshape(height, width, 2)
        if colour == "gray":
            return np.ascontiguousarray(shaped[..., 0])
    elif layout.pixels == "gray":
        shaped = flat.reshape(height, width)
    else:
        shaped = flat.reshape(height, width, 3)
    code = _CODES.get((layout.pixels, colour))
    return shaped if code is None else np.asarray(cv2.cvtColor(shaped, code), np.uint8)


def _decode_jpeg(flat: Pixels, colour: Colour) -> Pixels | None:
    # A cut JPEG would be decoded as well, its rest filled with gray.
    if flat[:2].tobytes() != _JPEG_START or _JPEG_END not in flat[-_PADDING:].tobytes():
        return None
    mode = cv2.IMREAD_GRAYSCALE if colour == "gray" else cv2.IMREAD_COLOR
    try:
        decoded = cv2.imdecode(flat, mode | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if decoded is None else np.asarray(decoded, np.uint8)
