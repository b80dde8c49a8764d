"""Frames that cannot be judged, each fault with its name."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.config.quality import Quality
from agent.quality.shift import Reference, Shift
from bundle.light import Sharpness, Window, levels, sample

Pixels = NDArray[np.uint8]

_WHITE = 250
# What a decoder fills the missing part of a picture with.
_FILL_LOWEST, _FILL_HIGHEST, _FILL_SHARE = 100, 156, 0.125

SENTENCES = {
    "": "fine",
    "black": "black: the lens is covered, or the lamp is off",
    "saturated": "saturated: light shines into the lens, or the exposure is too long",
    "damaged": "damaged: the lower part is missing; look at the camera's cable",
    "blank": "blank: it shows nothing at all",
    "blurred": "blurred: clean the lens and run `linewarden camera focus`",
    "shifted": "shifted: the camera or the mark was moved; aim it as at the commissioning",
    "camera_frozen": "frozen: the same picture comes again and again; replug the camera",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured on one frame; levels are of 0..255, a shift is in pixels of the frame."""

    mean: float
    spread: float
    white_share: float
    sharpness: float | None = None
    shift: Shift | None = None


def frame_fault(pixels: Pixels, section: Quality = Quality()) -> str:  # noqa: B008 - it is frozen
    """Return why a frame cannot be judged at all, or an empty string."""
    some = sample(pixels)
    return _light_fault(some, _light(some), section)


class FrameQuality:
    """Judges frames by the thresholds of the configuration. Holds scratch memory: one lane's own.

    `window` is the region of interest as (x, y, width, height); sharpness is that of its middle.
    """

    def __init__(
        self,
        section: Quality,
        window: Window | None = None,
        reference: Reference | None = None,
    ) -> None:
        self._section = section
        self._reference = reference
        self._sharpness = Sharpness(window)

    def look_at(self, window: Window | None) -> None:
        """Measure sharpness in another region of interest from now on."""
        self._sharpness.window = window

    def fault(self, pixels: Pixels) -> str:
        """Return why a frame cannot be judged, by the first name that fits; or an empty string."""
        section = self._section
        fault = frame_fault(pixels, section)
        if fault:
            return fault
        if section.min_sharpness > 0 and self.sharpness(pixels) < section.min_sharpness:
            return "blurred"
        if self._reference is not None and self._moved(self._reference.shift_of(pixels)):
            return "shifted"
        return ""

    def measure(self, pixels: Pixels) -> Figures:
        """Return every figure of a frame: for people, and for choosing thresholds."""
        mean, spread, white = _light(sample(pixels))
        shift = None if self._reference is None else self._reference.shift_of(pixels)
        return Figures(mean, spread, white, self.sharpness(pixels), shift)

    def sharpness(self, pixels: Pixels) -> float:
        """Return the variance of the Laplacian in the window: more is sharper."""
        return self._sharpness.of(pixels)

    def _moved(self, shift: Shift) -> bool:
        return shift.distance > self._section.max_shift_px or shift.match < self._section.min_match


class FrozenWatch:
    """Tells a camera that hangs from one that looks at a scene without motion: that has noise.

    `after` repeats of one picture mean that it hangs; 0 switches the watch off. It is kept when
    the camera is opened again: one that still hangs is noticed at its first frame.
    """

    def __init__(self, after: int, levels: float) -> None:
        self._after = after
        self._levels = levels
        self._last: Pixels = np.empty((0, 0), np.uint8)
        self._count = 0

    @property
    def frozen(self) -> bool:
        """Whether the last frames were one and the same."""
        return self._after > 0 and self._count >= self._after

    def repeats(self, pixels: Pixels) -> int:
        """Take in the next frame; returns how often its picture came before in a row.

        A frame for which this is not 0 shows nothing new and must not be judged.
        """
        if self._after == 0:
            return 0
        some = sample(pixels)
        if self._last.shape == some.shape:
            difference = cv2.norm(some, self._last, cv2.NORM_L1) / some.size
            self._count = self._count + 1 if difference <= self._levels else 0
            np.copyto(self._last, some)
        else:
            self._last, self._count = some, 0
        return self._count


def _light(some: Pixels) -> tuple[float, float, float]:
    """Return mean, spread and the share of white pixels."""
    mean, spread = levels(some)
    return mean, spread, np.count_nonzero(some >= _WHITE) / some.size


def _light_fault(some: Pixels, light: tuple[float, float, float], section: Quality) -> str:
    mean, spread, white = light
    if mean < section.black_mean:
        return "black"
    if mean > section.saturated_mean or white > section.saturated_share:
        return "saturated"
    if spread < section.blank_spread:
        return "blank"
    return "damaged" if _ends_in_fill(some) else ""


def _ends_in_fill(some: Pixels) -> bool:
    """Return whether the last rows are of one middle gray, as no sensor gives them."""
    last = some[-max(1, round(_FILL_SHARE * some.shape[0])) :]
    lowest = int(last.min())
    return _FILL_LOWEST <= lowest <= _FILL_HIGHEST and lowest == int(last.max())
