"""The simulated camera: which part its frames show, and when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.cameras.sim import SimCamera, displacement
from agent.clock import ManualClock
from agent.config import camera as config_camera
from agent.config import document as config
from agent.errors import CameraError
from agent.sim.belt import Belt
from agent.sim.deck import Deck

SECTION = config_camera.SimCamera(driver="sim", deck=4, defect_share=0.5)
BELT = config.Belt(rate_per_s=10.0, start_ns=1_000_000_000, parts=8)


def _frames(seconds, belt=BELT, clock=None):
    clock = clock or ManualClock(900_000_000)
    camera = SimCamera(SECTION, belt, clock)
    camera.open()
    frames = []
    until_ns = clock.now_ns() + round(seconds * 1e9)
    while clock.now_ns() < until_ns:
        frame = camera.read(0.1)
        if frame is not None:
            frames.append(frame)
    return frames


def test_a_frame_taken_soon_after_a_trigger_shows_that_part_near_the_middle():
    """The first frame after each trigger is that part, moved by a few pixels."""
    arrivals = Belt(**BELT.model_dump())
    deck = Deck(SECTION.deck, SECTION.defect_share, BELT.seed)
    frames = _frames(1.0)
    for part in range(8):
        at_ns = arrivals.arrival_ns(part)
        frame = next(frame for frame in frames if frame.taken_ns >= at_ns)
        moved = displacement(arrivals, frame.taken_ns - at_ns, deck.pixels)
        assert moved <= 6
        assert np.array_equal(frame.pixels, deck.view(part, moved))


def test_the_belt_is_empty_before_the_first_part_and_after_the_last():
    """All those frames are one and the same picture, which no part is in."""
    frames = _frames(1.5)
    arrivals = Belt(**BELT.model_dump())
    before = [frame for frame in frames if frame.taken_ns < arrivals.arrival_ns(0)]
    after = [frame for frame in frames if frame.taken_ns > arrivals.arrival_ns(7) + 10**8]
    assert before
    assert after
    for frame in before + after:
        assert np.array_equal(frame.pixels, before[0].pixels)


@given(
    rate=st.floats(0.1, 200),
    since_ms=st.floats(0, 15),
)
@settings(deadline=None)
def test_a_part_moves_little_within_its_frame_window(rate, since_ms):
    """Up to 50 parts a second a part has crept by six pixels at most after 15 ms."""
    belt = Belt(rate_per_s=min(rate, 50))
    assert 0 <= displacement(belt, round(since_ms * 1e6), 300) <= 6


@given(rate=st.floats(0.1, 200))
@settings(deadline=None)
def test_a_part_has_left_before_the_next_one_comes_at_the_mean_pitch(rate):
    """It is whole in the picture at first and out of it at the end, never moving back."""
    belt = Belt(rate_per_s=rate)
    way = [displacement(belt, round(step / 100 * belt.pitch_ns), 300) for step in range(101)]
    assert way == sorted(way)
    assert way[0] == 0
    assert way[-1] == 300


def test_a_reader_who_comes_late_misses_frames():
    """Their numbers are left out, and the frame that is returned is the latest."""
    clock = ManualClock(10**9)
    camera = SimCamera(SECTION, BELT, clock)
    camera.open()
    first = camera.read(0.1)
    clock.advance(100_000_000)
    second = camera.read(0.1)
    assert (first.sequence, second.sequence) == (0, 12)
    assert clock.now_ns() - second.taken_ns < 1e9 / 120


def test_frames_that_were_kept_come_late_with_their_own_times():
    """Four are kept: those before them are missed, and nobody sees one twice or out of order."""
    clock = ManualClock(10**9)
    camera = SimCamera(SECTION.model_copy(update={"buffers": 4}), BELT, clock)
    camera.open()
    clock.advance(100_000_000)
    frames = [camera.read(0.1) for _ in range(5)]
    assert [frame.sequence for frame in frames] == [9, 10, 11, 12, 13]
    times_ms = [(frame.taken_ns - 10**9) / 1e6 for frame in frames]
    assert times_ms == pytest.approx([number * 1000 / 120 for number in range(9, 14)], abs=1e-3)


def test_a_camera_that_is_not_open_says_so():
    """Reading before `open` and after `close` is a CameraError, not a hang."""
    camera = SimCamera(SECTION, BELT, ManualClock())
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.1)
    camera.open()
    camera.close()
    with pytest.raises(CameraError, match="not open"):
        camera.read(0.1)
