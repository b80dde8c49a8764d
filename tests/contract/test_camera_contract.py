"""What every camera driver holds: the port's promises, by an injected clock where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import pytest
from camera_stand_ins import ScriptedDevice, alive, writer

from agent import drivers
from agent.cameras.pipe import PipeCamera
from agent.cameras.v4l2 import V4l2Camera
from agent.clock import ManualClock, SystemClock
from agent.config import camera as config_camera
from agent.config.document import Belt
from agent.errors import CameraError

FRAME_RATE = 100.0
PERIOD_NS = 10_000_000
BELT = Belt(rate_per_s=20.0, start_ns=10**9)
SCRIPTED = ["sim", "replay", "v4l2"]  # these live in the injected clock's time
DRIVERS = [*SCRIPTED, "pipe"]


@dataclass
class Bench:
    """A camera that was not opened yet, with its clock."""

    camera: Any
    clock: Any


def _bench(driver, tmp_path):
    if driver == "pipe":
        section = config_camera.PipeCamera(
            driver="pipe", command=writer(), width=64, height=48, frame_rate=FRAME_RATE,
            pixels="gray",
        )  # fmt: skip
        clock = SystemClock()
        return Bench(PipeCamera(section, clock), clock)
    clock = ManualClock(10**9)
    if driver == "v4l2":
        section = config_camera.V4l2Camera(
            driver="v4l2", device="/dev/video0", width=64, height=48, frame_rate=FRAME_RATE,
            pixels="gray", stale_ms=10.0,
        )  # fmt: skip
        return Bench(V4l2Camera(section, clock, lambda _: ScriptedDevice(clock)), clock)
    if driver == "sim":
        section = config_camera.SimCamera(driver="sim", frame_rate=FRAME_RATE, deck=2)
        return Bench(drivers.open_camera(section, BELT, clock), clock)
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 64)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    section = config_camera.ReplayCamera(
        driver="replay", folder=str(tmp_path), frame_rate=FRAME_RATE
    )
    return Bench(drivers.open_camera(section, BELT, clock), clock)


@pytest.fixture
def bench(request, tmp_path):
    """An open camera of the driver that the test names, closed in the end."""
    bench = _bench(request.param, tmp_path)
    bench.camera.open()
    yield bench
    bench.camera.close()


@pytest.fixture
def closed(request, tmp_path):
    """A camera that was never open."""
    return _bench(request.param, tmp_path).camera


each_scripted = pytest.mark.parametrize("bench", SCRIPTED, indirect=True)
each_driver = pytest.mark.parametrize("bench", DRIVERS, indirect=True)


def _next(camera):
    for _ in range(200):
        frame = camera.read(0.1)
        if frame is not None:
            return frame
    pytest.fail("no frame for twenty seconds")


def test_every_driver_of_the_table_is_held_to_the_contract():
    """A driver that is added to the table is added here."""
    assert set(DRIVERS) == set(drivers.CAMERAS)


@each_scripted
def test_frames_come_at_the_frame_rate(bench):
    """Times are one period apart and the sequence counts."""
    frames = [_next(bench.camera) for _ in range(50)]
    assert np.diff([frame.taken_ns for frame in frames]).tolist() == [PERIOD_NS] * 49
    assert [frame.sequence for frame in frames] == list(range(50))


@each_driver
def test_a_frame_is_never_from_the_future_and_never_older_than_the_last(bench):
    """When a frame is in hand, its moment has passed; times and sequence only grow."""
    last_ns, last = 0, -1
    for _ in range(30):
        frame = _next(bench.camera)
        assert last_ns <= frame.taken_ns <= bench.clock.now_ns()
        assert frame.sequence > last
        last_ns, last = frame.taken_ns, frame.sequence


@each_driver
def test_a_frame_is_gray_or_colour_bytes_of_one_size(bench):
    """All frames, also the empty ones, have the same shape."""
    frames = [_next(bench.camera) for _ in range(20)]
    assert {frame.pixels.shape for frame in frames} == {frames[0].pixels.shape}
    assert {frame.pixels.dtype for frame in frames} == {np.dtype(np.uint8)}


@each_scripted
def test_read_gives_up_after_its_timeout(bench):
    """With the next frame 10 ms away, 2 ms of patience give None, and 2 ms have passed."""
    _next(bench.camera)
    before_ns = bench.clock.now_ns()
    assert bench.camera.read(0.002) is None
    assert bench.clock.now_ns() - before_ns == 2_000_000


@each_scripted
def test_a_frame_is_not_lost_by_giving_up(bench):
    """Frames read with little patience are the same as with much."""
    taken = []
    while len(taken) < 20:
        frame = bench.camera.read(0.003)
        if frame is not None:
            taken.append(frame.sequence)
    assert taken == list(range(20))


@each_scripted
def test_a_slow_reader_gets_the_newest_frame(bench):
    """What was missed shows as a gap in the sequence."""
    first = _next(bench.camera)
    bench.clock.advance(5 * PERIOD_NS)
    late = _next(bench.camera)
    assert late.sequence - first.sequence in (5, 6)  # a driver's own buffer may cost one more
    assert bench.clock.now_ns() - late.taken_ns < PERIOD_NS


@each_driver
def test_a_frame_stays_what_it_was(bench):
    """Later frames don't change the pixels of one that was handed over."""
    frames = [_next(bench.camera) for _ in range(3)]
    copies = [frame.pixels.copy() for frame in frames]
    for _ in range(20):
        _next(bench.camera)
    assert all(
        np.array_equal(frame.pixels, copy) for frame, copy in zip(frames, copies, strict=True)
    )


@each_driver
def test_closing_twice_is_harmless_and_reading_then_is_an_error(bench):
    """A closed camera is lost; it can be opened again and begins anew."""
    last = [_next(bench.camera) for _ in range(5)][-1]
    bench.camera.close()
    bench.camera.close()
    with pytest.raises(CameraError):
        bench.camera.read(0.1)
    bench.camera.open()
    assert _next(bench.camera).sequence < last.sequence


@pytest.mark.parametrize("closed", DRIVERS, indirect=True)
def test_closing_a_camera_that_was_never_open_is_harmless(closed):
    """The capture lane closes whatever it has; reading it is an error."""
    closed.close()
    with pytest.raises(CameraError):
        closed.read(0.1)


def test_a_closed_command_leaves_no_process(tmp_path, wait_until):
    """The pipe driver's group is gone with it."""
    bench = _bench("pipe", tmp_path)
    bench.camera.open()
    _next(bench.camera)
    group = bench.camera.pid
    assert alive(group)
    bench.camera.close()
    wait_until(lambda: not alive(group))
