"""A camera in a process of its own: what the driver says comes through, and it blocks nobody."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from camera_stand_ins import alive

from agent.cameras import apart
from agent.cameras.apart import ApartCamera
from agent.cameras.apart_link import receive_all
from agent.clock import SystemClock
from agent.config.camera import V4l2Camera
from agent.errors import CameraError
from agent.lanes.capture import CaptureLane
from agent.mailbox import NewestWins
from agent.quality.frames import FrozenWatch
from agent.records import Reason

SUPPORT = Path(__file__).parents[2] / "support"
FRAME_S = 5.0
PATIENCE_S = 60.0


def section(**options):
    """Return the configuration of a small camera that is lost soon."""
    given = {"width": 64, "height": 48, "frame_rate": 100.0, "silent_ms": 300.0, **options}
    return V4l2Camera(driver="v4l2", device="/dev/video7", **given)


@pytest.fixture
def make(monkeypatch):
    """Return a maker of cameras with a driver of ours; closed in the end, and nothing is left."""
    monkeypatch.setenv("PYTHONPATH", f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    made, pids = [], []

    def new(driver, **options):
        camera = ApartCamera(section(**options), SystemClock(), f"apart_stand_ins:{driver}")
        made.append(camera)
        return camera

    yield new
    for camera in made:
        pids.append(camera.pid)
        camera.close()
        camera.close()
    assert not [pid for pid in pids if pid is not None and alive(pid)]


def frames(camera, count):
    """Return so many frames."""
    got = []
    end = time.monotonic() + PATIENCE_S
    while len(got) < count and time.monotonic() < end:
        frame = camera.read(FRAME_S)
        got += [frame] if frame is not None else []
    return got


def loses(camera):
    """Read until the camera is lost; returns why."""
    with pytest.raises(CameraError) as caught:
        read_on(camera)
    return str(caught.value)


def opens(camera, given):
    """Open it and wait; False when that takes too long, and then `given` has how long it had."""
    try:
        camera.open()
        while camera.read(0.01) is None:
            pass
    except CameraError as error:
        given.append(float(re.search(r"did not answer within (\S+) s", str(error))[1]))
        return False
    return True


def read_on(camera):
    """Read for as long as anybody would wait."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        camera.read(0.1)


@pytest.mark.parametrize("colour", ["gray", "bgr"])
def test_frames_come_through_unchanged(make, colour):
    """Pixels, number and time are the driver's; a frame stays what it was."""
    camera = make("Moving", colour=colour)
    camera.open()
    got = frames(camera, 12)
    shape = (48, 64) if colour == "gray" else (48, 64, 3)
    assert [frame.pixels.shape for frame in got] == [shape] * 12
    for frame in got:
        assert np.all(frame.pixels == frame.sequence % 200)
    numbers = [frame.sequence for frame in got]
    assert numbers == sorted(set(numbers))
    times = [frame.taken_ns for frame in got]
    assert times == sorted(times)
    assert times[-1] <= SystemClock().now_ns()


def test_what_the_driver_read_back_is_known_here(make):
    """Settings and the source of frame times come through, for `camera show` and the log."""
    camera = make("Moving")
    camera.open()
    assert camera.stamps == "driver"
    assert [(one.name, one.given, one.kept) for one in camera.settings] == [("gain", "12", False)]


def test_a_reader_who_comes_late_gets_the_newest_and_never_a_stale_frame(make):
    """What waited longer than stale_ms is thrown away: the child has room for few."""
    camera = make("Moving", stale_ms=50.0)
    camera.open()
    assert frames(camera, 1)
    for _ in range(3):
        time.sleep(0.3)  # the reader is slow; it is the child's frames that grow old meanwhile
        frame = camera.read(FRAME_S)
        assert frame is not None
        assert np.all(frame.pixels == frame.sequence % 200)
    assert camera.stale >= 1
    assert len(frames(camera, 5)) == 5  # and no slot was lost


@pytest.mark.parametrize("how", ["blocks", "stopped"])
def test_a_driver_that_blocks_for_ever_is_ended_and_the_camera_comes_back(make, how):
    """Row 30: the reader never waits beyond its timeout by more than the kill, and opens anew."""
    camera = make("Blocking" if how == "blocks" else "Moving")
    camera.open()
    assert frames(camera, 1)
    pid = camera.pid
    if how == "stopped":
        os.kill(pid, signal.SIGSTOP)
    assert "does not answer any more" in loses(camera)
    assert not alive(pid)
    camera.open()
    assert frames(camera, 1)
    assert camera.pid != pid


def test_a_camera_that_hangs_while_it_is_opened_is_given_up(make, monkeypatch):
    """Open comes back without the camera's word, and reading finds out that none comes."""
    monkeypatch.setattr(apart, "_PATIENCE_S", 0.2)
    monkeypatch.setattr(apart, "_START_NS", 600_000_000)
    camera = make("BlockedAtOpen")
    camera.open()
    pid = camera.pid
    assert camera.read(0.01) is None
    assert "did not answer within 0.6 s" in loses(camera)
    assert not alive(pid)


def test_a_camera_that_is_slow_to_begin_is_given_longer_until_it_does(make, monkeypatch):
    """A board so busy that no start is in time would otherwise never see its camera again."""
    monkeypatch.setattr(apart, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(apart, "_START_NS", 100_000_000)
    camera = make("SlowToOpen")
    given = []
    while not opens(camera, given):
        assert len(given) < 10
    assert given == [0.1 * 2**n for n in range(len(given))]
    assert len(given) >= 3
    assert len(frames(camera, 5)) == 5
    camera.close()
    given.clear()
    assert not opens(camera, given)  # nor is it waited for longer for having been slow once
    assert given == [0.1]


def test_what_a_start_is_given_has_an_end(make, monkeypatch):
    """A driver that hangs is not waited for without end."""
    monkeypatch.setattr(apart, "_PATIENCE_S", 0.05)
    monkeypatch.setattr(apart, "_START_NS", 100_000_000)
    monkeypatch.setattr(apart, "_LONGEST_START_NS", 300_000_000)
    hanging, given = make("BlockedAtOpen"), []
    for _ in range(4):
        assert not opens(hanging, given)
    assert given == [0.1, 0.2, 0.3, 0.3]


def test_a_crash_in_the_driver_is_a_lost_camera_and_no_more(make):
    """SIGSEGV ends the child; the error names it with the last line of complaint."""
    camera = make("Crashing")
    camera.open()
    why = loses(camera)
    assert "SIGSEGV" in why
    assert "imx477" in why


@pytest.mark.parametrize(
    ("driver", "says"),
    [("Unplugged", "look at its cable"), ("TooLarge", "larger frames than are configured")],
)
def test_the_drivers_own_sentence_comes_through(make, driver, says):
    """The technician reads what the driver found out, whether or not it comes with the opening."""
    camera = make(driver)

    def use():
        camera.open()
        raise CameraError(loses(camera))

    with pytest.raises(CameraError, match=says):
        use()


def test_last_words_are_heard_though_ours_were_not():
    """Whoever ends without having read all resets the link; what it said before counts."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.send(b"R\0")
        theirs.send(b"Elook at its cable")
        theirs.close()
        packets, gone = receive_all(ours)
    assert (packets, gone) == ([b"Elook at its cable"], True)


def test_a_camera_that_is_refused_is_refused_at_once(make):
    """Open raises the driver's sentence; then nothing runs."""
    camera = make("Refused")
    with pytest.raises(CameraError, match="plug it in"):
        camera.open()
    assert camera.pid is None
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.01)


def test_a_driver_without_a_frame_is_alive(make):
    """How long that may last is the driver's business; no time-out of ours ends it."""
    camera = make("Silent")
    camera.open()
    pid = camera.pid
    for _ in range(10):
        assert camera.read(0.1) is None
    assert camera.pid == pid
    assert alive(pid)


def test_no_process_outlives_its_owner(tmp_path, wait_until):
    """Killed outright, the agent leaves no child that holds the device, even a blocked one."""
    code = (
        f"import sys; sys.path.insert(0, {str(SUPPORT)!r})\n"
        "from agent.cameras.apart import ApartCamera\n"
        "from agent.clock import SystemClock\n"
        "from agent.config.camera import V4l2Camera\n"
        "s = V4l2Camera(driver='v4l2', device='x', width=64, height=48, silent_ms=60000)\n"
        "c = ApartCamera(s, SystemClock(), 'apart_stand_ins:Blocking')\n"
        "c.open()\n"
        "while c.read(5.0) is None: pass\n"
        "while c.read(1.0) is not None: pass\n"  # then it is blocked
        "print(c.pid, flush=True)\n"
        "while True: c.read(5.0)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(SUPPORT)},
    )  # fmt: skip
    pid = int(owner.stdout.readline())
    assert alive(pid)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    wait_until(lambda: not alive(pid))


def test_the_lane_outlives_a_driver_that_blocks(make, wait_until):
    """Its steps come round all the while; parts meanwhile have no camera, and it comes back."""
    camera, clock = make("Blocking"), SystemClock()
    events, box = [], NewestWins(clock)
    lane = CaptureLane(camera, box, lambda event: events.append(event) or True, clock,
                       FrozenWatch(0, 2))  # fmt: skip
    lane.start()
    try:
        wait_until(lambda: "camera_lost" in {event.kind for event in events}, 60)
        assert lane.alive
        wait_until(lambda: [event.kind for event in events].count("camera_up") >= 2, 60)
        wait_until(lambda: lane.taken > 5, 60)
    finally:
        lane.stop()
        assert lane.wait(30)
    assert lane.fault is Reason.CAMERA_LOST  # closed
