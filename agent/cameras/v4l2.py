"""A camera with a Linux video device: settings read back, only fresh frames, lost in time."""

from __future__ import annotations

import logging

import cv2

from agent.cameras.pixels import Layout, Pixels, decode
from agent.cameras.v4l2_device import Device, OpenCvDevice, OpenDevice
from agent.cameras.v4l2_settings import apply_settings, first_refusal, read_back
from agent.clock import Clock
from agent.config.camera import V4l2Camera as Section
from agent.errors import CameraError
from agent.records import Frame, Setting

_AT_ONCE_S = 0.001  # the shortest that OpenCV can wait
_FIRST_FRAME_S = 3.0
_PLAUSIBLE_NS = 1_000_000_000  # a first frame is not older than this by the right clock
_AHEAD_NS = 2_000_000  # nor is any from the future, but for rounding

_log = logging.getLogger(__name__)


class V4l2Camera:
    """One video device. A lost one raises CameraError; opened again it gets its settings anew.

    A frame's time is the driver's (V4L2's buffer time in CLOCK_MONOTONIC, which OpenCV gives as
    CAP_PROP_POS_MSEC). Where a driver has none, frames that may have waited are thrown away and
    the time is that just after the grab; `stamps` and the log say which.
    """

    def __init__(
        self, section: Section, clock: Clock, open_device: OpenDevice = OpenCvDevice
    ) -> None:
        self._section = section
        self._clock = clock
        self._open_device = open_device
        self._layout = Layout(section.pixels, section.width, section.height)
        self._period_ns = round(1e9 / section.frame_rate)
        self._stale_ns = round(section.stale_ms * 1e6)
        self._silent_ns = round(section.silent_ms * 1e6)
        self._device: Device | None = None
        self._stamp_ns = self._fresh_ns = self._driver_ns = 0
        self._sequence = -1
        self.settings: tuple[Setting, ...] = ()
        self.stamps = ""
        self.damaged = self.stale = 0

    def open(self) -> None:
        """Open the device, set it up, read it back and wait for a frame. Raises CameraError."""
        self.close()
        device = self._open_device(self._section.device)
        try:
            apply_settings(device, self._section)
            self._await_first(device)
            # Only now: some cameras change their settings when the stream starts.
            self._check_settings(device)
            self._choose_stamps(device)
        except CameraError:
            device.release()
            raise
        self._fresh_ns = self._clock.now_ns()
        self._sequence = -1
        self._device = device

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame, or None after `timeout_s`. Raises CameraError when lost."""
        device = self._device
        if device is None:
            raise CameraError("the camera is not open")
        end_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while True:
            taken = self._newest(device, end_ns)
            if taken is None:
                self._refuse_silence()
                return None
            raw, taken_ns = taken
            frame = self._frame(raw, taken_ns)
            if frame is not None:
                return frame

    def close(self) -> None:
        """Let go of the device; harmless when it is not open."""
        device, self._device = self._device, None
        if device is not None:
            device.release()

    def _newest(self, device: Device, end_ns: int) -> tuple[Pixels, int] | None:
        """Return the bytes and the time of the newest frame; older ones are passed over."""
        if self.stamps != "driver":
            return self._newest_waited_for(device, end_ns)
        newest: tuple[Pixels, int] | None = None
        while newest is None or self._age_ns(newest[1]) > self._period_ns:
            left_s = (end_ns - self._clock.now_ns()) / 1e9
            if left_s <= 0 or not self._wait(device, left_s if newest is None else _AT_ONCE_S):
                break
            newest = device.take(), self._next_stamp_ns(device)
        return newest

    def _newest_waited_for(self, device: Device, end_ns: int) -> tuple[Pixels, int] | None:
        """Throw away what may have waited here; the next frame's time is when it comes."""
        for _ in range(self._section.buffers + 4):
            if not self._wait(device, _AT_ONCE_S):
                break
            device.take()
        left_s = (end_ns - self._clock.now_ns()) / 1e9
        if left_s <= 0 or not self._wait(device, left_s):
            return None
        now_ns = self._clock.now_ns()
        return device.take(), now_ns

    def _frame(self, raw: Pixels, taken_ns: int) -> Frame | None:
        """Return a frame that may be judged; None for one that is too old or damaged."""
        if self._age_ns(taken_ns) > self._stale_ns:
            self.stale += 1
            return None
        whole = self._layout.frame_bytes  # some drivers round a buffer up
        pixels = decode(raw if whole is None else raw[:whole], self._layout, self._section.colour)
        if pixels is None:
            self.damaged += 1
            return None
        self._check_size(pixels)
        self._sequence += self._steps(taken_ns)
        self._fresh_ns, self._stamp_ns = self._clock.now_ns(), taken_ns
        return Frame(pixels, taken_ns, self._sequence)

    def _steps(self, taken_ns: int) -> int:
        """Return how many frames ago the last one was: OpenCV does not hand the number on."""
        if self._sequence < 0:
            return 1
        return max(1, round((taken_ns - self._stamp_ns) / self._period_ns))

    def _next_stamp_ns(self, device: Device) -> int:
        stamp_ns = round(device.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        if stamp_ns <= self._driver_ns or stamp_ns > self._clock.now_ns() + _AHEAD_NS:
            raise CameraError(
                f"the clock of the camera {self._section.device} jumped: it is opened again"
            )
        self._driver_ns = stamp_ns
        return min(stamp_ns, self._clock.now_ns())

    def _await_first(self, device: Device) -> None:
        if not device.wait(_FIRST_FRAME_S):
            raise CameraError(f"the camera {self._section.device} gives no frame: replug it")
        device.take()

    def _choose_stamps(self, device: Device) -> None:
        """Take the driver's times where they are those of our clock, and say which."""
        self._driver_ns = round(device.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
        age_ns = self._age_ns(self._driver_ns)
        mine = self._driver_ns > 0 and -_AHEAD_NS <= age_ns <= _PLAUSIBLE_NS
        self.stamps = "driver" if mine else "after grab"
        level = logging.INFO if mine else logging.WARNING
        _log.log(level, "camera %s: frame times are from: %s", self._section.device, self.stamps)

    def _check_settings(self, device: Device) -> None:
        section = self._section
        self.settings = read_back(device, section)
        refusal = first_refusal(section.device, self.settings, strict=section.strict)
        if refusal:
            raise CameraError(refusal)
        for each in self.settings:
            if not each.kept:
                _log.warning(
                    "camera %s: %s: asked for %s, it has %s",
                    section.device,
                    each.name,
                    each.wanted,
                    each.given,
                )

    def _check_size(self, pixels: Pixels) -> None:
        height, width = pixels.shape[:2]
        if (width, height) != (self._section.width, self._section.height):
            raise CameraError(
                f"the camera {self._section.device} changed its frames to {width}x{height}, "
                f"configured are {self._section.width}x{self._section.height}"
            )

    def _refuse_silence(self) -> None:
        if self._clock.now_ns() - self._fresh_ns > self._silent_ns:
            raise CameraError(
                f"the camera {self._section.device} gave no good frame for "
                f"{self._section.silent_ms:g} ms ({self.damaged} were damaged, {self.stale} too "
                "old so far): look at its cable"
            )

    def _wait(self, device: Device, timeout_s: float) -> bool:
        """Wait for a frame; a device that hangs up answers at once and must not spin."""
        before_ns = self._clock.now_ns()
        if device.wait(timeout_s):
            return True
        rest_s = timeout_s - (self._clock.now_ns() - before_ns) / 1e9
        if rest_s > 0:
            self._clock.sleep(rest_s)
        return False

    def _age_ns(self, taken_ns: int) -> int:
        return self._clock.now_ns() - taken_ns
