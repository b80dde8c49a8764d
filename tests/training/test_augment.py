"""No change to a training picture erases what could be a defect."""

import cv2
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from training.augment import _shade, augment_picture
from training.config import Augmentation

STILL = Augmentation(
    rotation_deg=0.0,
    flip=False,
    zoom_out=0.0,
    shear=0.0,
    shade=0.0,
    brightness=0.0,
    contrast=0.0,
    gamma=0.0,
    blur_px=0.0,
    noise=0.0,
)
SIZE = 96


@given(st.floats(0.0, 2 * np.pi), st.floats(0.0, 0.88), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_a_hole_within_the_circle_stays(angle, distance, seed):
    """A dark hole anywhere in the picture's circle is still there, dark, after any change."""
    part = np.full((SIZE, SIZE, 1), 190, np.uint8)
    x, y = (round((SIZE - 1) / 2 * (1 + distance * turn(angle))) for turn in (np.cos, np.sin))
    cv2.circle(part, (x, y), 4, 20, thickness=-1)
    changed = augment_picture(part, Augmentation(), np.random.default_rng(seed))
    dark = changed[..., 0] < np.median(changed) - 60
    assert dark.sum() >= 20


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_good_part_gets_no_hole(seed):
    """An even picture stays even but for light, blur and noise."""
    part = np.full((SIZE, SIZE, 1), 150, np.uint8)
    changed = augment_picture(part, Augmentation(shade=0.0), np.random.default_rng(seed))
    assert np.abs(changed.astype(int) - int(np.median(changed))).max() <= 5 * 6


@given(st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_another_light_is_smooth(seed):
    """What falls off across the part never makes an edge that could pass for a defect."""
    part = np.full((SIZE, SIZE, 1), 120, np.uint8)
    lit = _shade(part, Augmentation(), np.random.default_rng(seed))[..., 0].astype(int)
    away = np.hypot(*(np.indices(lit.shape) - SIZE / 2)) > 16  # sectors meet in the middle
    steps = np.abs(np.diff(lit, axis=1))[away[:, 1:] & away[:, :-1]]
    assert steps.max() <= 14


def test_no_change_asked_is_no_change():
    """With every bound at zero the picture comes back as it was."""
    part = np.random.default_rng(1).integers(0, 256, (64, 64, 1), np.uint8)
    assert np.array_equal(augment_picture(part, STILL, np.random.default_rng(2)), part)


def test_the_same_random_numbers_give_the_same_picture():
    """A change depends on nothing but its generator; the picture given is not touched."""
    part = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    kept = part.copy()
    first, again = (
        augment_picture(part, Augmentation(), np.random.default_rng(7)) for _ in range(2)
    )
    other = augment_picture(part, Augmentation(), np.random.default_rng(8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(part, kept)
    assert first.shape == part.shape
    assert first.dtype == np.uint8
