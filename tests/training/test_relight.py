"""Light is taken over from another picture; marks and edges stay."""

import numpy as np
import pytest

from training.relight import relight_like


def surface(level, seed=0):
    """Return an even surface of that brightness with fine grain."""
    grain = np.random.default_rng(seed).integers(-6, 7, (96, 96, 1))
    return np.clip(level + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("own", "other"), [(180, 110), (110, 180)])
def test_the_brightness_of_the_other_picture_is_taken_over(own, other):
    """At least half of the way, and never beyond it."""
    lit = relight_like(surface(own), surface(other, 1), np.random.default_rng(3))
    low, high = sorted((own, other))
    assert low - 3 <= lit.mean() <= high + 3
    assert abs(lit.mean() - other) <= abs(own - other) * 0.75


def test_a_mark_stays_a_mark():
    """A dark spot is as much darker than what is around it as before."""
    frame = surface(180)
    frame[46:50, 46:50] = 40
    lit = relight_like(frame, surface(110, 1), np.random.default_rng(5))
    before = frame[46:50, 46:50].mean() / frame[30:40, 30:40].mean()
    after = lit[46:50, 46:50].mean() / lit[30:40, 30:40].mean()
    assert after == pytest.approx(before, abs=0.08)


def test_light_like_its_own_changes_nothing():
    """An even picture lit like itself comes back."""
    frame = np.full((64, 64, 3), 120, np.uint8)
    assert np.array_equal(relight_like(frame, frame, np.random.default_rng(0)), frame)


def test_black_is_no_failure():
    """Nothing to compare with: values stay within what a picture may hold."""
    dark, bright = np.zeros((32, 48, 1), np.uint8), np.full((32, 48, 1), 255, np.uint8)
    for one, other in ((dark, bright), (bright, dark)):
        lit = relight_like(one, other, np.random.default_rng(1))
        assert (lit.shape, lit.dtype) == (one.shape, np.uint8)
