"""Camera drivers for a process of their own, each with a fault; chosen by name like a real one."""

from __future__ import annotations

import ctypes
import os
import sys
import time

import cv2
import numpy as np
from camera_stand_ins import ScriptedDevice

from agent.cameras.apart import ApartCamera
from agent.cameras.v4l2 import V4l2Camera
from agent.clock import SystemClock
from agent.errors import CameraError
from agent.records import Frame, Setting

PERIOD_S = 0.01


class Moving:
    """Delivers a frame every ten milliseconds; frame n holds n % 200 everywhere."""

    frames_before_fault = 10**9

    def __init__(self, section, clock):
        self._section, self._clock = section, clock
        self._next_ns, self._number = clock.now_ns(), 0
        self.settings = (Setting("gain", "10", "12", kept=False, need="note"),)
        self.stamps = "driver"
        self.damaged = 0

    def open(self):
        """Nothing to do."""

    def read(self, timeout_s):
        """Wait for the next frame."""
        self._next_ns += round(PERIOD_S * 1e9)
        self._clock.sleep(max(0.0, (self._next_ns - self._clock.now_ns()) / 1e9))
        if self._number >= self.frames_before_fault:
            self.fail()
        self._number += 1
        size = (self._section.height, self._section.width)
        shape = size if self._section.colour == "gray" else (*size, 3)
        pixels = np.full(shape, self._number % 200, np.uint8)
        return Frame(pixels, self._clock.now_ns(), self._number)

    def fail(self):
        """Do what goes wrong."""

    def close(self):
        """Nothing to do."""


class Blocking(Moving):
    """Blocks in the driver, as a USB stack that hangs does; no exception, no return."""

    frames_before_fault = 5

    def fail(self):
        """Block where Python cannot be reached."""
        ctypes.CDLL(None).pause()


class Crashing(Moving):
    """Takes its process down, as a bug in a driver's library does."""

    frames_before_fault = 5

    def fail(self):
        """Die of a signal."""
        sys.stderr.write("no such sensor: imx477\n")
        sys.stderr.flush()
        os.kill(os.getpid(), 11)


class Unplugged(Moving):
    """Loses its device and says so."""

    frames_before_fault = 5

    def fail(self):
        """Say so."""
        raise CameraError("the camera /dev/video7 gives no frames any more: look at its cable")


class Refused(Moving):
    """Cannot be opened."""

    def open(self):
        """Refuse."""
        raise CameraError("there is no camera /dev/video7: plug it in")


class BlockedAtOpen(Moving):
    """Hangs while it is opened."""

    def open(self):
        """Never come back."""
        ctypes.CDLL(None).pause()


class SlowToOpen(Moving):
    """Takes its time, as everything does on a board that is busy."""

    def open(self):
        """Come back late."""
        time.sleep(0.5)


class Silent(Moving):
    """Open, well, and without a frame; it is the driver that knows how long that may last."""

    def read(self, timeout_s):
        """Find none."""
        time.sleep(timeout_s)


class TooLarge(Moving):
    """Gives frames that do not fit."""

    def read(self, timeout_s):
        """Return one."""
        frame = super().read(timeout_s)
        return Frame(np.zeros((999, 999), np.uint8), frame.taken_ns, frame.sequence)


class _RealTime(SystemClock):
    """A clock whose scripted device waits as a real one does."""

    def advance(self, step_ns):
        """Wait."""
        self.sleep(max(0, step_ns) / 1e9)


class Unwilling(V4l2Camera):
    """The real driver over a device that exposes for 1500 us, whatever it is asked for."""

    def __init__(self, section, clock):
        super().__init__(section, clock, self._scripted)

    def _scripted(self, _name):
        size = {"width": self._section.width, "height": self._section.height}
        device = ScriptedDevice(_RealTime(), **size)
        device.sticks[cv2.CAP_PROP_EXPOSURE] = 15
        return device


def unwilling(section, clock):
    """Return such a camera in a process of its own, as the agent has every video device."""
    return ApartCamera(section, clock, "apart_stand_ins:Unwilling")
