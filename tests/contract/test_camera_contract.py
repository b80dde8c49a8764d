"""What every test camera holds: the port's promises under an injected clock."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent import config, config_camera, drivers
from agent.clock import ManualClock
from agent.errors import CameraError

FRAME_RATE = 100.0
PERIOD_NS = 10_000_000
BELT = config.Belt(rate_per_s=20.0, start_ns=10**9)


@pytest.fixture(params=["sim", "replay"])
def section(request, tmp_path):
    """The configuration of each driver."""
    if request.param == "sim":
        return config_camera.SimCamera(driver="sim", frame_rate=FRAME_RATE, deck=2)
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (48, 64)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"{number}.png"), pixels)
    return config_camera.ReplayCamera(driver="replay", folder=str(tmp_path), frame_rate=FRAME_RATE)


@pytest.fixture
def clock():
    """A clock that stands at one second."""
    return ManualClock(10**9)


@pytest.fixture
def camera(section, clock):
    """An open camera, closed in the end."""
    opened = drivers.open_camera(section, BELT, clock)
    opened.open()
    yield opened
    opened.close()


def _next(camera):
    frame = camera.read(1.0)
    assert frame is not None
    return frame


def test_frames_come_at_the_frame_rate(camera):
    """Times are one period apart and the sequence counts."""
    frames = [_next(camera) for _ in range(50)]
    assert np.diff([frame.taken_ns for frame in frames]).tolist() == [PERIOD_NS] * 49
    assert [frame.sequence for frame in frames] == list(range(50))


def test_a_frame_is_never_from_the_future(camera, clock):
    """When a frame is in hand, its moment has passed."""
    for _ in range(50):
        assert _next(camera).taken_ns <= clock.now_ns()


def test_a_frame_is_gray_or_colour_bytes_of_one_size(camera):
    """All frames, also the empty ones, have the same shape."""
    frames = [_next(camera) for _ in range(30)]
    assert {frame.pixels.shape for frame in frames} == {frames[0].pixels.shape}
    assert {frame.pixels.dtype for frame in frames} == {np.dtype(np.uint8)}


def test_read_gives_up_after_its_timeout(camera, clock):
    """With the next frame 10 ms away, 2 ms of patience give None, and 2 ms have passed."""
    _next(camera)
    before_ns = clock.now_ns()
    assert camera.read(0.002) is None
    assert clock.now_ns() - before_ns == 2_000_000


def test_a_frame_is_not_lost_by_giving_up(camera):
    """Frames read with little patience are the same as with much."""
    taken = []
    while len(taken) < 20:
        frame = camera.read(0.003)
        if frame is not None:
            taken.append(frame.sequence)
    assert taken == list(range(20))


def test_a_slow_reader_gets_the_newest_frame(camera, clock):
    """What was missed shows as a gap in the sequence."""
    first = _next(camera)
    clock.advance(5 * PERIOD_NS)
    late = _next(camera)
    assert late.sequence - first.sequence == 5
    assert clock.now_ns() - late.taken_ns < PERIOD_NS


def test_a_frame_stays_what_it_was(camera):
    """Later frames don't change the pixels of one that was handed over."""
    frames = [_next(camera) for _ in range(3)]
    copies = [frame.pixels.copy() for frame in frames]
    for _ in range(30):
        _next(camera)
    assert all(
        np.array_equal(frame.pixels, copy) for frame, copy in zip(frames, copies, strict=True)
    )


def test_closing_twice_is_harmless_and_reading_then_is_an_error(camera):
    """A closed camera is lost; it can be opened again."""
    camera.close()
    camera.close()
    with pytest.raises(CameraError):
        camera.read(0.1)
    camera.open()
    assert _next(camera).sequence == 0


def test_closing_a_camera_that_was_never_open_is_harmless(section, clock):
    """The capture lane closes whatever it has."""
    drivers.open_camera(section, BELT, clock).close()
