"""Frames that cannot be judged: black, saturated or blank."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Levels of 0..255. A covered lens stays below, a lamp into the lens stays above; a picture with
# less spread than sensor noise shows nothing at all.
_BLACK_MEAN, _SATURATED_MEAN, _BLANK_SPREAD = 6.0, 249.0, 1.5
_STEP = 8  # every 8th pixel of every 8th row says enough about the whole


def frame_fault(pixels: NDArray[np.uint8]) -> str:
    """Return why a frame cannot be judged, or an empty string."""
    sample = pixels[::_STEP, ::_STEP]
    mean = float(sample.mean())
    if mean < _BLACK_MEAN:
        return "black"
    if mean > _SATURATED_MEAN:
        return "saturated"
    return "blank" if float(sample.std()) < _BLANK_SPREAD else ""
