"""How far a mark that should rest has moved since the commissioning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.config.quality import Quality
from agent.errors import ConfigError

Pixels = NDArray[np.uint8]

_SIDE = 64  # the longer side of the window, made small for speed


@dataclass(frozen=True, slots=True)
class Shift:
    """Where a mark is now, in pixels right and down of its old place; `match` 1 fits wholly."""

    right: float
    down: float
    match: float

    @property
    def distance(self) -> float:
        """Return how far that is in pixels."""
        return math.hypot(self.right, self.down)


class Reference:
    """The mark as it was at the commissioning. Holds scratch memory: one lane's own."""

    def __init__(self, still: Pixels, section: Quality) -> None:
        """Cut the mark out of a still. Raises ConfigError when it lies outside."""
        self._size = still.shape[:2]
        height, width = self._size
        x, y = section.reference_x, section.reference_y
        wide = section.reference_width or width - x
        high = section.reference_height or height - y
        if wide < 8 or high < 8 or x + wide > width or y + high > height:
            raise ConfigError(
                f"quality.reference_x, _y, _width, _height: {wide}x{high} at {x},{y} does not "
                f"lie within the reference of {width}x{height}, or is smaller than 8x8"
            )
        self._rows, self._columns = slice(y, y + high), slice(x, x + wide)
        self._scale = min(1.0, _SIDE / max(wide, high))
        small = (max(8, round(wide * self._scale)), max(8, round(high * self._scale)))
        self._small = small
        self._steps = (wide / small[0], high / small[1])
        self._window = cv2.createHanningWindow(small, cv2.CV_32F)
        self._now = np.empty((small[1], small[0]), np.float32)
        self._then = self._cut(still).copy()

    def shift_of(self, pixels: Pixels) -> Shift:
        """Return where the mark is in this frame; it fits nowhere in one of another size."""
        if pixels.shape[:2] != self._size:
            return Shift(0.0, 0.0, 0.0)
        (right, down), match = cv2.phaseCorrelate(self._then, self._cut(pixels))
        return Shift(right * self._steps[0], down * self._steps[1], match)

    def _cut(self, pixels: Pixels) -> NDArray[np.float32]:
        part = pixels[self._rows, self._columns]
        small = cv2.resize(part, self._small, interpolation=cv2.INTER_AREA)
        if small.ndim == 3:
            small = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        # Brightness is no position; and the window is laid over here, since OpenCV's own way
        # with it may change the pictures that it is given.
        np.subtract(small, small.mean(dtype=np.float32), out=self._now)
        np.multiply(self._now, self._window, out=self._now)
        return self._now


def read_reference(section: Quality) -> Reference | None:
    """Return the configured reference; None when there is none. Raises ConfigError."""
    if not section.reference:
        return None
    try:
        data = np.frombuffer(Path(section.reference).read_bytes(), np.uint8)
    except OSError as error:
        raise ConfigError(
            f"quality.reference: cannot read {section.reference}: {error.strerror}; make it with "
            "`linewarden camera show`"
        ) from error
    still = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if still is None:
        raise ConfigError(f"quality.reference: {section.reference} is no picture")
    return Reference(np.asarray(still, np.uint8), section)
