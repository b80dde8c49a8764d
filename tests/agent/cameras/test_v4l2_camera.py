"""The video device driver, against a scripted device: settings, stale frames, loss and return."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest
from camera_stand_ins import FOURCC, ScriptedDevice, jpeg

from agent.cameras.v4l2 import V4l2Camera
from agent.cameras.v4l2_device import OpenCvDevice
from agent.clock import ManualClock
from agent.config.camera import V4l2Camera as Section
from agent.errors import CameraError
from agent.lanes.capture import CaptureLane
from agent.mailbox import NewestWins
from agent.quality.frames import FrozenWatch

PERIOD_NS = 10_000_000


class Desk:
    """A camera over scripted devices: each opening makes a new one, changed by `prepare`."""

    def __init__(self, **options):
        fields = {"width": 64, "height": 48, "frame_rate": 100.0, "pixels": "gray"}
        self.section = Section(driver="v4l2", device="/dev/video0", **(fields | options))
        self.clock = ManualClock(10**10)
        self.devices = []
        self.prepare = lambda device: None
        self.there = True
        self.camera = V4l2Camera(self.section, self.clock, self._open)

    def _open(self, name):
        if not self.there:
            raise CameraError(f"there is no camera {name}")
        device = ScriptedDevice(self.clock, PERIOD_NS)
        self.prepare(device)
        self.devices.append(device)
        return device

    @property
    def device(self):
        """Return the device that was opened last."""
        return self.devices[-1]


LOCKED = {"exposure_us": 2000, "gain": 12, "white_balance_k": 4600, "focus": 30}


def test_every_given_setting_is_asked_for_and_its_automatic_switched_off():
    """Exposure is sent in steps of 100 us, by hand; the format comes before the controls."""
    desk = Desk(**LOCKED)
    desk.camera.open()
    values = desk.device.values
    assert values[cv2.CAP_PROP_FOURCC] == FOURCC["GREY"]
    assert values[cv2.CAP_PROP_CONVERT_RGB] == 0
    assert values[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert values[cv2.CAP_PROP_AUTO_EXPOSURE] == 1
    assert values[cv2.CAP_PROP_EXPOSURE] == 20
    assert values[cv2.CAP_PROP_GAIN] == 12
    assert (values[cv2.CAP_PROP_AUTO_WB], values[cv2.CAP_PROP_WB_TEMPERATURE]) == (0, 4600)
    assert (values[cv2.CAP_PROP_AUTOFOCUS], values[cv2.CAP_PROP_FOCUS]) == (0, 30)
    asked = desk.device.asked
    assert asked.index(cv2.CAP_PROP_BUFFERSIZE) < asked.index(cv2.CAP_PROP_AUTO_EXPOSURE)
    assert all(each.kept for each in desk.camera.settings)


def test_what_is_not_given_is_left_to_the_camera():
    """No exposure in the configuration: nothing is asked for."""
    desk = Desk()
    desk.camera.open()
    assert not {cv2.CAP_PROP_EXPOSURE, cv2.CAP_PROP_GAIN} & set(desk.device.asked)


@pytest.mark.parametrize(
    ("prop", "becomes", "told"),
    [
        (cv2.CAP_PROP_EXPOSURE, 50, "exposure_us: asked for 2000, it has 5000"),
        (cv2.CAP_PROP_AUTO_EXPOSURE, 3, "automatic exposure off: asked for 1, it has 3"),
        (cv2.CAP_PROP_GAIN, -1, "gain: asked for 12, it has no such setting"),
        (cv2.CAP_PROP_WB_TEMPERATURE, 5000, "white_balance_k: asked for 4600, it has 5000"),
        (cv2.CAP_PROP_FRAME_WIDTH, 640, "width: asked for 64, it has 640"),
        (cv2.CAP_PROP_FOURCC, FOURCC["YUYV"], "pixels: asked for GREY, it has YUYV"),
    ],
)
def test_a_setting_that_does_not_stick_refuses_the_camera_by_name(prop, becomes, told):
    """The message has what was asked for and what it is; the device is let go of."""
    desk = Desk(**LOCKED)
    desk.prepare = lambda device: device.sticks.update({prop: becomes})
    with pytest.raises(CameraError, match=told):
        desk.camera.open()
    assert desk.device.released


def test_a_camera_may_be_taken_as_it_is_but_not_with_other_frames(caplog):
    """Without `strict` another gain is only said; another size still refuses."""
    desk = Desk(strict=False, **LOCKED)
    desk.prepare = lambda device: device.sticks.update({cv2.CAP_PROP_GAIN: 40})
    with caplog.at_level(logging.WARNING):
        desk.camera.open()
    assert "gain: asked for 12, it has 40" in caplog.text
    desk.prepare = lambda device: device.sticks.update({cv2.CAP_PROP_FRAME_HEIGHT: 50})
    with pytest.raises(CameraError, match="height"):
        desk.camera.open()


def test_a_setting_that_changes_when_the_stream_starts_is_noticed():
    """The settings are read back after the first frame, not before."""
    desk = Desk(**LOCKED)

    def prepare(device):
        wait = device.wait

        def begin(timeout_s):
            device.values[cv2.CAP_PROP_EXPOSURE] = 300
            return wait(timeout_s)

        device.wait = begin

    desk.prepare = prepare
    with pytest.raises(CameraError, match="exposure_us: asked for 2000, it has 30000"):
        desk.camera.open()


def test_a_rate_that_is_rounded_and_a_longer_queue_are_only_said(caplog):
    """Drivers round the rate and may insist on two buffers: neither is a reason to refuse."""
    desk = Desk()
    changes = {cv2.CAP_PROP_FPS: 80, cv2.CAP_PROP_BUFFERSIZE: 2}
    desk.prepare = lambda device: device.sticks.update(changes)
    with caplog.at_level(logging.WARNING):
        desk.camera.open()
    assert "frame_rate: asked for 100, it has 80" in caplog.text
    assert desk.camera.read(0.1) is not None


@pytest.mark.parametrize("buffers", [1, 4])
def test_a_frame_that_waited_is_passed_over_and_its_time_is_never_later_than_the_truth(buffers):
    """After a stall the driver hands out its oldest frame; none of them comes out as new."""
    desk = Desk(buffers=buffers, stale_ms=30.0)
    desk.camera.open()
    desk.clock.advance(20 * PERIOD_NS)
    stalled_ns = desk.clock.now_ns()
    frame = desk.camera.read(0.1)
    assert stalled_ns - frame.taken_ns <= 30_000_000
    assert frame.pixels[20, 20] == (frame.taken_ns - 10**10) // PERIOD_NS
    assert desk.camera.stale == 1


def test_without_the_drivers_times_only_a_frame_that_was_waited_for_counts(caplog):
    """Its time is that after the grab, and the log says so."""
    desk = Desk(buffers=4)
    desk.prepare = lambda device: setattr(device, "stamps", lambda taken_ns: 0)
    with caplog.at_level(logging.WARNING):
        desk.camera.open()
    assert desk.camera.stamps == "after grab"
    assert "frame times are from: after grab" in caplog.text
    for stall in (0, 3, 20, 1):
        desk.clock.advance(stall * PERIOD_NS + 3_000_000)
        stalled_ns = desk.clock.now_ns()
        frame = desk.camera.read(0.1)
        assert frame.taken_ns >= stalled_ns
        assert frame.pixels[20, 20] == (frame.taken_ns - 10**10) // PERIOD_NS


def test_times_of_another_clock_are_not_taken_for_ours():
    """Wall time is far from monotonic time: such a driver counts as having none."""
    desk = Desk()
    desk.prepare = lambda device: setattr(device, "stamps", lambda taken_ns: taken_ns + 10**18)
    desk.camera.open()
    assert desk.camera.stamps == "after grab"


@pytest.mark.parametrize("jump_ns", [-(10**9), 10**9])
def test_a_clock_that_jumps_loses_the_camera(jump_ns):
    """Times that wrap or run ahead mean that no frame's time can be trusted."""
    desk = Desk()
    desk.camera.open()
    assert desk.camera.read(0.1) is not None
    desk.device.stamps = lambda taken_ns: taken_ns + jump_ns
    with pytest.raises(CameraError, match="clock of the camera /dev/video0 jumped"):
        desk.camera.read(0.1)


def test_a_silent_camera_is_lost_in_time_and_not_before():
    """Each read keeps its own patience; after `silent_ms` the camera counts as lost."""
    desk = Desk(silent_ms=500.0)
    desk.camera.open()
    desk.device.silent = True
    start_ns = desk.clock.now_ns()
    assert [desk.camera.read(0.1) for _ in range(5)] == [None] * 5
    with pytest.raises(CameraError, match="no good frame for 500 ms"):
        desk.camera.read(0.1)
    assert desk.clock.now_ns() - start_ns == 600_000_000


def test_a_device_that_answers_at_once_with_nothing_does_not_spin():
    """A hung-up descriptor wakes every poll; the driver sleeps the rest itself."""
    desk = Desk()
    desk.camera.open()
    calls = []
    desk.device.wait = lambda timeout_s: bool(calls.append(timeout_s))
    assert desk.camera.read(0.1) is None
    assert len(calls) < 5


def test_an_unplugged_camera_comes_back_with_its_settings():
    """The capture lane opens it again by itself, and everything is set anew."""
    desk = Desk(**LOCKED)
    events = []
    frames = NewestWins(desk.clock)
    lane = CaptureLane(
        desk.camera,
        frames,
        lambda event: events.append(event) or True,
        desk.clock,
        FrozenWatch(0, 0.0),
    )
    for _ in range(5):
        lane.step()
    assert lane.up
    desk.device.gone, desk.there = True, False
    while desk.clock.now_ns() < 10**10 + 3 * 10**9:
        lane.step()
    assert not lane.up
    desk.there = True
    back_ns = desk.clock.now_ns()
    while not lane.up:
        lane.step()
    assert desk.clock.now_ns() - back_ns <= 5_000_000_000
    assert len(desk.devices) == 2
    assert desk.devices[0].released
    assert desk.device.values[cv2.CAP_PROP_EXPOSURE] == 20
    assert desk.device.values[cv2.CAP_PROP_AUTO_WB] == 0
    taken = lane.taken
    lane.step()
    assert lane.taken == taken + 1
    assert [event.kind for event in events] == ["camera_up", "camera_lost", "camera_up"]


def test_a_camera_without_a_first_frame_is_not_open():
    """Opening means that frames come."""
    desk = Desk()
    desk.prepare = lambda device: setattr(device, "silent", True)
    with pytest.raises(CameraError, match="gives no frame"):
        desk.camera.open()
    assert desk.device.released


def test_damaged_frames_are_counted_and_not_handed_on():
    """A cut JPEG is decoded half gray by others; here the next whole frame comes."""
    desk = Desk(pixels="mjpeg")

    def content(number):
        data = jpeg(number)
        return np.frombuffer(data[: len(data) // 2] if number % 2 else data + bytes(64), np.uint8)

    desk.prepare = lambda device: setattr(device, "content", content)
    desk.camera.open()
    frames = [desk.camera.read(0.1) for _ in range(5)]
    numbers = [(frame.taken_ns - 10**10) // PERIOD_NS for frame in frames]
    assert all(number % 2 == 0 for number in numbers)
    assert desk.camera.damaged >= 4
    assert frames[0].pixels.shape == (48, 64)


def test_another_size_in_the_stream_loses_the_camera():
    """Nothing is resized on the quiet."""
    desk = Desk(pixels="mjpeg")
    content = {"size": (64, 48)}
    desk.prepare = lambda device: setattr(
        device, "content", lambda number: np.frombuffer(jpeg(number, *content["size"]), np.uint8)
    )
    desk.camera.open()
    assert desk.camera.read(0.1) is not None
    content["size"] = (32, 24)
    with pytest.raises(CameraError, match="changed its frames to 32x24, configured are 64x48"):
        desk.camera.read(0.1)


def test_a_buffer_that_is_rounded_up_is_a_frame_and_a_short_one_is_not():
    """Some drivers pad; a transfer that broke off is damaged."""
    desk = Desk()
    sizes = iter([0, 100, -100, 0])
    desk.camera.open()
    gray = desk.device.gray
    desk.device.content = lambda number: np.resize(gray(number), 64 * 48 + next(sizes))
    assert [desk.camera.read(0.1) is not None for _ in range(3)] == [True, True, True]
    assert desk.camera.damaged == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [("gone", "there is no camera .*by-id"), ("plain", "is no video device")],
)
def test_a_device_that_is_none_is_one_sentence(tmp_path, name, told):
    """Missing or an ordinary file: opening says so, and what to look at."""
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(CameraError, match=told):
        OpenCvDevice(str(tmp_path / name))
