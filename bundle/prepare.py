"""Camera frame -> model input; the only such code, bit-exact on every board."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from bundle.errors import FrameError
from bundle.manifest import InputSpec

Pixels = NDArray[np.uint8]

# INTER_LINEAR differs between x86 and ARM in a quarter of the bytes, INTER_LINEAR_EXACT in none.
_RESIZE = cv2.INTER_LINEAR_EXACT


def prepare_frame(frame: Pixels, spec: InputSpec, out: Pixels | None = None) -> Pixels:
    """Cut out the region, convert the colour and resize a frame to the model's input.

    `frame` is uint8 of shape (height, width), or (height, width, 1 | 3 | 4) in OpenCV's order
    blue, green, red(, alpha). Returns uint8 of shape (spec.height, spec.width, spec.channels),
    which is `out` where that was given. Frames of another size than those of the training are
    resized like any other as long as there is no region; whoever wants them refused asks
    `check_frame_size` first. Raises FrameError.
    """
    _check_frame(frame)
    if spec.region is not None:
        check_frame_size(frame, spec)
        region = spec.region
        frame = frame[region.y : region.y + region.height, region.x : region.x + region.width]
    pixels = _convert_colour(frame, spec.channels)
    if out is None:
        out = np.empty((spec.height, spec.width, spec.channels), np.uint8)
    target = out[..., 0] if spec.channels == 1 else out
    if pixels.shape[:2] == (spec.height, spec.width):
        target[...] = pixels
    else:
        target[...] = cv2.resize(pixels, (spec.width, spec.height), interpolation=_RESIZE)
    return out


def check_frame_size(frame: Pixels, spec: InputSpec) -> None:
    """Refuse a frame of another size than those the model was trained with (FrameError)."""
    height, width = frame.shape[:2]
    if (height, width) != (spec.frame_height, spec.frame_width):
        raise FrameError(
            f"the frame has {width}x{height} pixels, the model was trained on "
            f"{spec.frame_width}x{spec.frame_height}: set the camera to that size"
        )


def _check_frame(frame: Pixels) -> None:
    if frame.dtype != np.uint8:
        raise FrameError(f"the frame holds {frame.dtype}, not uint8")
    if frame.ndim not in (2, 3) or (frame.ndim == 3 and frame.shape[2] not in (1, 3, 4)):
        raise FrameError(f"a frame of shape {frame.shape} is neither gray nor colour")
    if min(frame.shape[:2]) < 8:
        raise FrameError(f"a frame of {frame.shape[1]}x{frame.shape[0]} pixels is too small")


def _convert_colour(frame: Pixels, channels: int) -> Pixels:
    """Return a (height, width) picture for one channel, else (height, width, 3) in RGB."""
    depth = 1 if frame.ndim == 2 else frame.shape[2]
    if depth == 1:
        gray = frame.reshape(frame.shape[:2])
        return gray if channels == 1 else cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB)  # type: ignore[return-value]
    codes = {
        (3, 1): cv2.COLOR_BGR2GRAY,
        (4, 1): cv2.COLOR_BGRA2GRAY,
        (3, 3): cv2.COLOR_BGR2RGB,
        (4, 3): cv2.COLOR_BGRA2RGB,
    }
    return cv2.cvtColor(frame, codes[depth, channels])  # type: ignore[return-value]
