"""The video device behind OpenCV: opened, waited for with a bound, read as raw bytes."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from agent.cameras.pixels import Pixels
from agent.errors import CameraError

# OpenCV waits 10 s for the first frame of a camera that hangs, which is longer than a lane may.
_SELECT_TIMEOUT = ("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3")


class Device(Protocol):
    """What the driver needs of a video device; `set` and `get` take OpenCV's property numbers."""

    def set(self, prop: int, value: float) -> bool:
        """Ask for a value; False when the device refuses at once."""
        ...

    def get(self, prop: int) -> float:
        """Return what the device has now; -1 when it has no such setting."""
        ...

    def wait(self, timeout_s: float) -> bool:
        """Wait for a frame and grab it; False when none came. Raises CameraError when lost."""
        ...

    def take(self) -> Pixels:
        """Return the raw bytes of the frame that `wait` grabbed. Raises CameraError."""
        ...

    def release(self) -> None:
        """Let go of the device."""
        ...


OpenDevice = Callable[[str], Device]


class OpenCvDevice:
    """A video device, read by cv2.VideoCapture."""

    def __init__(self, name: str) -> None:
        self._name = name
        os.environ.setdefault(*_SELECT_TIMEOUT)
        try:
            # OpenCV knows names only as /dev/videoN: a link is followed here.
            self._capture = cv2.VideoCapture(str(Path(name).resolve()), cv2.CAP_V4L2)
        except cv2.error as error:
            raise CameraError(f"cannot open the camera {name}: {error}") from error
        if not self._capture.isOpened():
            raise CameraError(why_not(name))
        self._streams = False

    def set(self, prop: int, value: float) -> bool:
        """Ask for a value; False when the device refuses at once."""
        try:
            return bool(self._capture.set(prop, value))
        except cv2.error:
            return False

    def get(self, prop: int) -> float:
        """Return what the device has now; -1 when it has no such setting."""
        try:
            return float(self._capture.get(prop))
        except cv2.error:
            return -1.0

    def wait(self, timeout_s: float) -> bool:
        """Wait for a frame and grab it; False when none came. Raises CameraError when lost.

        The very first frame may take as long as OpenCV waits by itself.
        """
        nanoseconds = max(1, round(timeout_s * 1e9))  # 0 would mean without end
        try:
            if not self._streams:
                # waitAny would hold the first frame's buffer and wait for a second one, which
                # never comes when the device has a single buffer.
                self._streams = True
                return bool(self._capture.grab())
            _, ready = cv2.VideoCapture.waitAny([self._capture], nanoseconds)
        except cv2.error as error:
            raise self._lost() from error
        return len(ready) > 0

    def take(self) -> Pixels:
        """Return the raw bytes of the frame that `wait` grabbed. Raises CameraError."""
        try:
            taken, raw = self._capture.retrieve()
        except cv2.error as error:
            raise self._lost() from error
        if not taken or raw is None:
            raise self._lost()
        return np.asarray(raw, np.uint8).reshape(-1)

    def release(self) -> None:
        """Let go of the device."""
        with contextlib.suppress(cv2.error):
            self._capture.release()

    def _lost(self) -> CameraError:
        return CameraError(f"the camera {self._name} gives no frames any more: look at its cable")


def why_not(name: str) -> str:
    """Return why a video device cannot be opened, and what to do."""
    path = Path(name)
    try:
        mode = path.stat().st_mode
    except OSError:
        return (
            f"there is no camera {name}: plug it in, or set camera.device to a name that "
            "`ls /dev/v4l/by-id` shows"
        )
    if not stat.S_ISCHR(mode):
        return f"{name} is no video device: set camera.device to one of /dev/v4l/by-id"
    if not os.access(path, os.R_OK | os.W_OK):
        return f"no right to open the camera {name}: add the user to the group video"
    return (
        f"the camera {name} cannot be opened: another program has it (is the agent running? "
        "`fuser` names it), or it is no camera"
    )
