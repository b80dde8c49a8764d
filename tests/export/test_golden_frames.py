"""Where golden frames come from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bundle.manifest import InputSpec
from bundle.prepare import prepare_frame
from export.errors import GoldenFramesError
from export.golden_frames import FRAMES, golden_frames

SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=60)


def test_without_a_folder_frames_are_drawn_and_always_the_same():
    """Drawn frames have the camera's size, differ from one another and never change."""
    frames = golden_frames(None, SPEC)
    assert len(frames) == FRAMES
    assert all(one.shape == (40, 60) for one in frames)
    assert all((one != frames[0]).any() for one in frames[1:])
    again = golden_frames(None, SPEC)
    assert all(np.array_equal(one, other) for one, other in zip(frames, again, strict=True))


def test_a_folder_gives_pictures_spread_over_its_names(tmp_path):
    """First, last and some between; what is no picture is left alone."""
    for number in range(10):
        frame = np.full((40, 60, 3), number * 20, np.uint8)
        frame[0, 0] = (1, 2, 3)
        cv2.imwrite(str(tmp_path / f"{number}.png"), frame)
    (tmp_path / "a.txt").write_text("no picture")
    assert [int(one[5, 5, 0]) for one in golden_frames(tmp_path, SPEC)] == [0, 60, 120, 180]


def test_a_gray_picture_is_kept_as_one_channel_and_judged_alike(tmp_path):
    """What takes a third of the room gives the same input."""
    random = np.random.default_rng(2)
    gray = random.integers(0, 256, (40, 60), np.uint8)
    cv2.imwrite(str(tmp_path / "one.png"), cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))
    (frame,) = golden_frames(tmp_path, SPEC)
    assert frame.shape == (40, 60)
    as_colour = prepare_frame(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), SPEC)
    assert np.array_equal(prepare_frame(frame, SPEC), as_colour)


def test_a_missing_an_empty_and_a_damaged_folder_are_refused(tmp_path):
    """Each with the path in its line."""
    with pytest.raises(GoldenFramesError, match="nowhere"):
        golden_frames(tmp_path / "nowhere", SPEC)
    with pytest.raises(GoldenFramesError, match="no pictures"):
        golden_frames(tmp_path, SPEC)
    (tmp_path / "broken.png").write_bytes(b"broken")
    with pytest.raises(GoldenFramesError, match=r"broken\.png"):
        golden_frames(tmp_path, SPEC)
