"""Which pictures calibrate, and that they let the device copy pixels."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.manifest import InputSpec
from export.calibration import calibration_frames, choose_pictures
from export.errors import CalibrationError
from training.config import Augmentation
from training.dataset import Picture, read_index

SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=40)


def picture(number: int, label: str) -> Picture:
    """Return a picture that exists by name only."""
    return Picture(f"train/{label}/{number}.png", label, f"{number:064x}", 40, 40)


@settings(deadline=None)  # no test fails by a clock
@given(bad=st.integers(0, 40), ok=st.integers(0, 40), count=st.integers(1, 60))
def test_the_choice_is_balanced_and_no_larger_than_asked(bad, ok, count):
    """Both labels have the same number of pictures as long as there are enough."""
    pictures = [picture(n, "bad") for n in range(bad)]
    pictures += [picture(100 + n, "ok") for n in range(ok)]
    chosen = choose_pictures(pictures, seed=1, count=count)
    counts = Counter(one.label for one in chosen)
    assert len(chosen) == len(set(chosen)) == min(count, bad + ok)
    assert abs(counts["bad"] - counts["ok"]) <= 1 or min(counts["bad"], counts["ok"]) in (bad, ok)


def test_the_choice_depends_on_seed_and_content_alone():
    """The order in which pictures are listed changes nothing; another seed does."""
    pictures = [picture(n, "ok") for n in range(50)]
    chosen = choose_pictures(pictures, seed=1, count=10)
    assert choose_pictures(pictures[::-1], seed=1, count=10) == chosen
    assert choose_pictures(pictures, seed=2, count=10) != chosen


def test_the_frames_reach_from_black_to_white_and_come_again_equal(tmp_path):
    """One frame spans 0..255; the same seed gives the same frames."""
    root = _data(tmp_path, low=60, high=180)
    pictures = read_index(root, "train").pictures
    frames = calibration_frames(root, pictures, SPEC, Augmentation(), seed=3)
    assert all(one.shape == (32, 32, 1) and one.dtype == np.uint8 for one in frames)
    assert (frames[-1].min(), frames[-1].max()) == (0, 255)
    again = calibration_frames(root, pictures, SPEC, Augmentation(), seed=3)
    assert all(np.array_equal(one, other) for one, other in zip(frames, again, strict=True))


def test_pictures_of_one_grey_are_refused(tmp_path):
    """Pictures without any contrast cannot set ranges."""
    root = _data(tmp_path, low=90, high=90)
    pictures = read_index(root, "train").pictures
    with pytest.raises(CalibrationError, match="grey"):
        calibration_frames(root, pictures, SPEC, Augmentation(), seed=3)


def test_no_pictures_are_refused(tmp_path):
    """A run without pictures in this data is told so."""
    with pytest.raises(CalibrationError, match="no training pictures"):
        calibration_frames(tmp_path, [], SPEC, Augmentation(), seed=3)


def _data(root, low, high):
    for number, label in enumerate(("bad", "ok")):
        folder = root / "train" / label
        folder.mkdir(parents=True)
        for count in range(4):
            frame = np.full((40, 40), low, np.uint8)
            frame[10 + number :, 10 + count :] = high
            cv2.imwrite(str(folder / f"{count}.png"), frame)
    return root
