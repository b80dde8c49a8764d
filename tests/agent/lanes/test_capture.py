"""The capture lane: a lost camera is told once and opened again at growing distances."""

import numpy as np
import pytest

from agent.clock import ManualClock
from agent.errors import CameraError
from agent.lanes.capture import FIRST_PAUSE_NS, LONGEST_PAUSE_NS, CaptureLane
from agent.mailbox import NewestWins
from agent.quality.frames import FrozenWatch
from agent.records import Frame, Reason


class ScriptedCamera:
    """A camera that fails to open and loses itself as often as a test wants."""

    def __init__(self):
        self.fail_open = self.opened = self.closed = 0
        self.frames = []

    def open(self):
        """Open or fail."""
        if self.fail_open:
            self.fail_open -= 1
            raise CameraError("no camera on /dev/video0: look at its cable")
        self.opened += 1

    def read(self, timeout_s):
        """Return the next frame, None, or raise what the test put in."""
        del timeout_s
        frame = self.frames.pop(0) if self.frames else None
        if isinstance(frame, CameraError):
            raise frame
        return frame

    def close(self):
        """Count it."""
        self.closed += 1


class Desk:
    """A capture lane with its camera, frames and events."""

    def __init__(self):
        self.clock, self.camera, self.events = ManualClock(10**10), ScriptedCamera(), []
        self.frames = NewestWins(self.clock)
        self.lane = CaptureLane(
            self.camera, self.frames, self._tell, self.clock, FrozenWatch(0, 0.0)
        )

    def _tell(self, event):
        self.events.append(event)
        return True

    def kinds(self):
        """Return what was told."""
        return [event.kind for event in self.events]


@pytest.fixture
def desk():
    """Return a fresh desk."""
    return Desk()


def frame(taken_ns):
    """Return a frame."""
    return Frame(np.zeros((8, 8), np.uint8), taken_ns, 1)


def test_frames_are_handed_on(desk):
    """Once the camera is open each frame reaches the mailbox."""
    desk.camera.frames = [frame(5), None, frame(7)]
    for _ in range(4):
        desk.lane.step()
    assert desk.lane.up
    assert desk.lane.taken == 2
    assert desk.frames.first_within(6, 9, 0)[0].taken_ns == 7
    assert desk.kinds() == ["camera_up"]


def test_a_camera_that_is_not_there_is_told_once_and_tried_again(desk):
    """The pauses between the tries grow to a bound; the plant hears it once."""
    desk.camera.fail_open, desk.camera.frames = 8, [frame(1)]
    tries, pauses, last_ns = 0, [], desk.clock.now_ns()
    while not desk.lane.up:
        before = desk.camera.fail_open
        desk.lane.step()
        if desk.camera.fail_open != before or desk.lane.up:
            tries += 1
            pauses.append(desk.clock.now_ns() - last_ns)
            last_ns = desk.clock.now_ns()
    assert tries == 9
    assert pauses[1] == FIRST_PAUSE_NS
    assert pauses[-1] == LONGEST_PAUSE_NS
    assert pauses[1:] == sorted(pauses[1:])
    assert desk.kinds() == ["camera_lost", "camera_up"]
    assert "cable" in desk.events[0].text


def test_a_camera_lost_in_the_middle_is_closed_and_opened_again(desk):
    """It comes back by itself, and both are told."""
    desk.camera.frames = [frame(1), CameraError("it was unplugged"), frame(2)]
    for _ in range(3):
        desk.lane.step()
    assert not desk.lane.up
    assert desk.camera.closed == 1
    while desk.camera.frames:
        desk.lane.step()
    assert desk.lane.up
    assert desk.kinds() == ["camera_up", "camera_lost", "camera_up"]


def test_a_camera_that_opens_and_gives_nothing_is_not_up(desk):
    """One whose process starts slowly and is then refused was never back: it is told lost once."""
    slow = CameraError("no camera on /dev/video0: look at its cable")
    desk.camera.frames = [frame(1), slow, None, slow, None, slow, None]
    while desk.camera.frames:
        desk.lane.step()
    assert desk.camera.opened == 4
    assert not desk.lane.up
    assert desk.lane.fault is Reason.CAMERA_LOST
    assert desk.kinds() == ["camera_up", "camera_lost"]
    desk.camera.frames = [frame(2)]
    desk.lane.step()
    assert desk.lane.up
    assert desk.kinds() == ["camera_up", "camera_lost", "camera_up"]


def test_the_end_lets_go_of_the_camera(desk):
    """Stopping closes the device."""
    desk.lane.step()
    desk.lane.end()
    assert desk.camera.closed == 1
    assert not desk.lane.up


def test_a_frozen_camera_is_named_and_none_of_its_repeats_is_handed_on(desk):
    """Its third repeat loses it; still frozen after opening, it is lost again at once."""
    desk.lane._watch = FrozenWatch(3, 0.02)
    stuck = np.random.default_rng(1).integers(0, 255, (64, 64)).astype(np.uint8)
    desk.camera.frames = [Frame(stuck, number, number) for number in range(10, 20)]
    for _ in range(5):
        desk.lane.step()
    assert desk.lane.fault is Reason.CAMERA_FROZEN
    assert desk.kinds() == ["camera_up", "camera_frozen"]
    assert desk.frames.first_within(10, 10, 0)[0].taken_ns == 10
    assert desk.frames.first_within(11, 100, 0) is None
    while desk.camera.opened < 2 or desk.lane.up:
        desk.lane.step()
    assert desk.lane.fault is Reason.CAMERA_FROZEN
    assert desk.frames.first_within(11, 100, 0) is None


class Onlooker:
    """Something that wants to see every frame."""

    def __init__(self, frames):
        self.seen, self.frames = [], frames

    def attach(self, wake):
        """Nobody to wake."""

    def see(self, frame):
        """Keep the frame, if the mailbox has it already."""
        assert self.frames.first_within(frame.taken_ns, frame.taken_ns, 0)
        self.seen.append(frame.taken_ns)

    def blind(self, why):
        """Keep the reason."""
        self.seen.append(why)


def test_an_onlooker_sees_each_new_frame_and_learns_of_a_lost_camera(desk):
    """After the mailbox has it, so that a part which is found there has its frame."""
    onlooker = Onlooker(desk.frames)
    watch = FrozenWatch(0, 0.0)
    lane = CaptureLane(desk.camera, desk.frames, desk._tell, desk.clock, watch, onlooker)
    desk.camera.frames = [frame(5), frame(7), CameraError("it was unplugged")]
    for _ in range(4):
        lane.step()
    assert onlooker.seen == [5, 7, "it was unplugged"]
