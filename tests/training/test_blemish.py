"""A drawn defect is a visible, small change in its place; labels and weights follow it."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.blemish import add_defect

REACH = (0.12, 0.38)


def good_part(side=224, channels=1):
    """Return a bright disc with a dark middle."""
    frame = np.full((side, side), 120, np.uint8)
    cv2.circle(frame, (side // 2, side // 2), int(0.42 * side), 200, -1)
    cv2.circle(frame, (side // 2, side // 2), int(0.1 * side), 30, -1)
    return np.repeat(frame[:, :, np.newaxis], channels, axis=2)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), side=st.sampled_from((96, 160, 224, 256)))
def test_a_defect_can_be_seen_and_is_small(seed, side):
    """Something changes clearly, and nine tenths of the picture do not."""
    frame = good_part(side)
    marked = add_defect(frame, REACH, np.random.default_rng(seed))
    change = np.abs(marked.astype(int) - frame.astype(int))
    assert change.max() >= 25
    assert (change > 3).mean() < 0.1
    assert marked.dtype == np.uint8
    assert marked.shape == frame.shape


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_a_defect_lies_within_reach(seed):
    """Its middle is on the part, not on the background around it."""
    frame = good_part()
    marked = add_defect(frame, REACH, np.random.default_rng(seed))
    rows, columns = np.nonzero((marked != frame)[:, :, 0])
    distance = np.hypot(rows - 112, columns - 112) / 224
    assert np.quantile(distance, 0.1) < REACH[1] + 0.02


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_random_numbers_give_the_same_defect(channels):
    """A resumed run draws what the first one drew; the given picture is left alone."""
    frame = good_part(channels=channels)
    before = frame.copy()
    first = add_defect(frame, REACH, np.random.default_rng(5))
    again = add_defect(frame, REACH, np.random.default_rng(5))
    assert np.array_equal(first, again)
    assert np.array_equal(frame, before)


def test_a_black_picture_is_no_failure():
    """Nowhere to draw on: the middle is taken."""
    dark = np.zeros((64, 64, 1), np.uint8)
    assert add_defect(dark, REACH, np.random.default_rng(0)).shape == dark.shape
