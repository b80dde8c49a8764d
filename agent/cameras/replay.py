"""A camera that shows pictures of a folder, one for each part of the simulated belt."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.cameras.pace import FramePace
from agent.clock import Clock
from agent.config import camera as config_camera
from agent.config import document as config
from agent.errors import CameraError
from agent.pictures.folder import PictureFolder
from agent.records import Frame
from agent.sim.belt import Belt

# From this share of the mean time between two parts on, nothing lies under the camera.
_GONE = 0.75
_EMPTY_TONE = 128  # one tone all over: the agent calls such a frame blank and judges nothing

_log = logging.getLogger(__name__)


class ReplayCamera:
    """Shows part k's picture from its trigger on, until three quarters of the pitch are over."""

    def __init__(
        self, section: config_camera.ReplayCamera, belt: config.Belt, clock: Clock
    ) -> None:
        self._section = section
        self._seed = belt.seed
        self._clock = clock
        self._belt = Belt(**belt.model_dump())
        self._gone_ns = round(_GONE * self._belt.pitch_ns)
        self._pictures: PictureFolder | None = None
        self._empty: NDArray[np.uint8] = np.zeros((1, 1), np.uint8)
        self._pace: FramePace | None = None

    def open(self) -> None:
        """Read the folder and begin to count frames. Raises CameraError."""
        pictures = PictureFolder(Path(self._section.folder), self._section.order, self._seed)
        if pictures.skipped:
            _log.warning(
                "%d pictures cannot be read and are skipped, %s the first of them",
                len(pictures.skipped),
                pictures.skipped[0],
            )
        self._empty = np.full_like(pictures.picture(0), _EMPTY_TONE)
        self._empty.flags.writeable = False
        self._pictures = pictures
        self._pace = FramePace(self._section.frame_rate, self._clock)

    def read(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None after `timeout_s`. Raises CameraError when lost.

        Its pixels are what is kept in memory, read-only.
        """
        pace, pictures = self._pace, self._pictures
        if pace is None or pictures is None:
            raise CameraError("the replay camera is not open")
        # Decoded before the frame is due: a large picture must not delay it.
        coming = self._belt.latest_part(pace.next_ns)
        if coming is not None:
            pictures.picture(coming)
        due = pace.wait(timeout_s)
        if due is None:
            return None
        taken_ns, number = due
        return Frame(self._seen(pictures, taken_ns), taken_ns, number)

    def close(self) -> None:
        """Let go of the pictures."""
        self._pace = None
        self._pictures = None

    def _seen(self, pictures: PictureFolder, at_ns: int) -> NDArray[np.uint8]:
        """Return what lies under the camera at `at_ns`."""
        part = self._belt.latest_part(at_ns)
        if part is None or at_ns - self._belt.arrival_ns(part) >= self._gone_ns:
            return self._empty
        return pictures.picture(part)
