"""The replay camera: part k shows picture k and no other."""

from __future__ import annotations

import logging

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.cameras.replay import ReplayCamera
from agent.clock import ManualClock
from agent.config import camera as config_camera
from agent.config import document as config
from agent.errors import CameraError
from agent.pictures.folder import replay_order
from agent.quality.frames import frame_fault
from agent.sim.belt import Belt


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve pictures in two classes, each of a tone of its own."""
    root = tmp_path_factory.mktemp("pictures")
    for number in range(12):
        place = root / ("def_front" if number % 3 == 0 else "ok_front")
        place.mkdir(exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 15, (32, 32)) + 15 + 18 * number
        cv2.imwrite(str(place / f"{number:02d}.png"), pixels.astype(np.uint8))
    return root


def _camera(folder, belt, clock, order="shuffled", frame_rate=120.0):
    section = config_camera.ReplayCamera(
        driver="replay", folder=str(folder), order=order, frame_rate=frame_rate
    )
    return ReplayCamera(section, belt, clock)


@given(
    rate=st.floats(1, 50),
    jitter=st.floats(0, 0.9),
    seed=st.integers(0, 1000),
    frame_rate=st.floats(60, 500),
)
@settings(max_examples=25, deadline=None)
def test_a_frame_in_a_parts_window_shows_its_picture_and_no_other(
    folder, rate, jitter, seed, frame_rate
):
    """Within 15 ms of its trigger, and before the next one, part k shows picture k."""
    section = config.Belt(rate_per_s=rate, jitter=jitter, seed=seed, start_ns=10**9, parts=30)
    belt = Belt(**section.model_dump())
    order = replay_order(folder, "shuffled", seed)
    clock = ManualClock(10**9 - 10**8)
    camera = _camera(folder, section, clock, frame_rate=frame_rate)
    camera.open()
    shown = 0
    while clock.now_ns() < belt.arrival_ns(29) + 15_000_000:
        frame = camera.read(0.1)
        part = belt.latest_part(frame.taken_ns)
        if part is None or frame.taken_ns - belt.arrival_ns(part) > 15_000_000:
            continue
        shown += 1
        expected = cv2.imread(str(order[part % 12]), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(frame.pixels, expected)
    assert shown


def test_between_two_parts_and_at_both_ends_nothing_can_be_judged(folder):
    """The empty frame is blank to the agent: no part's picture stands in for another's."""
    section = config.Belt(rate_per_s=5, jitter=0.0, start_ns=10**9, parts=3)
    belt = Belt(**section.model_dump())
    clock = ManualClock(10**9 - 10**8)
    camera = _camera(folder, section, clock)
    camera.open()
    seen = {True: 0, False: 0}
    while clock.now_ns() < belt.arrival_ns(2) + 10**9:
        frame = camera.read(0.1)
        part = belt.latest_part(frame.taken_ns)
        gone = part is None or frame.taken_ns - belt.arrival_ns(part) >= 0.75 * belt.pitch_ns
        assert (frame_fault(frame.pixels) == "blank") == gone
        seen[gone] += 1
    assert min(seen.values()) > 10


def test_order_by_name_is_that_of_the_paths(folder):
    """Without shuffling, sub-folders come one after the other."""
    order = replay_order(folder, "name", 5)
    assert order == sorted(order)
    assert len(order) == 12


def test_order_shuffled_holds_every_picture_once_and_follows_the_seed(folder):
    """The same seed mixes the same way, another one otherwise."""
    first = replay_order(folder, "shuffled", 5)
    assert first == replay_order(folder, "shuffled", 5)
    assert first != replay_order(folder, "shuffled", 6)
    assert sorted(first) == replay_order(folder, "name", 5)


def test_a_skipped_picture_is_skipped_for_the_truth_as_well(tmp_path, caplog):
    """The order the demo knows is the order the camera shows, and the log names the file."""
    for number in range(120):
        cv2.imwrite(str(tmp_path / f"{number:03d}.png"), np.full((16, 16), 2 * number, np.uint8))
    (tmp_path / "060.png").write_bytes(b"broken")
    clock = ManualClock(10**9)
    camera = _camera(tmp_path, config.Belt(start_ns=10**9, jitter=0.0), clock, "name")
    with caplog.at_level(logging.WARNING):
        camera.open()
    assert "060.png" in caplog.text
    order = replay_order(tmp_path, "name", 1)
    assert [path.name for path in order[59:61]] == ["059.png", "061.png"]
    clock.advance(6 * 10**9)
    assert camera.read(0.1).pixels[0, 0] == 2 * 61


def test_a_missing_folder_is_one_sentence_at_open(tmp_path):
    """The camera can be built without its folder; opening says what to do."""
    camera = _camera(tmp_path / "gone", config.Belt(), ManualClock())
    with pytest.raises(CameraError, match=r"there is no folder .*camera\.folder"):
        camera.open()
