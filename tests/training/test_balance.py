"""The even decision of a network lies at one half, by the parts that it is validated with."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.balance import LARGEST_SHIFT, fit_shift
from training.errors import DataError

BAD = np.array([True, False])


def logits(margins):
    """Return logits of two labels, the first of them bad, with these margins."""
    return np.stack([np.asarray(margins), np.zeros(len(margins))], axis=1).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(offset=st.floats(-5, 5), gap=st.floats(0.5, 4), seed=st.integers(0, 10**6))
def test_two_kinds_that_stand_apart_are_divided_between_them(offset, gap, seed):
    """However far the network leans to one side, afterwards each kind is on its own."""
    random = np.random.default_rng(seed)
    good = offset - gap - random.random(40)
    bad = offset + gap + random.random(70)
    truth = np.arange(110) >= 40
    margins = np.concatenate([good, bad])
    shift = fit_shift(logits(margins), BAD, truth, None)
    assert ((margins + shift > 0) == truth).all()


def test_a_part_photographed_often_weighs_as_one():
    """A hundred pictures of one good part do not outweigh three of another."""
    margins = np.array([-3.0] * 100 + [0.0] * 3 + [2.0] * 20)
    truth = np.arange(123) >= 103
    parts = np.array([0] * 100 + [1] * 3 + [2] * 20)
    by_part = fit_shift(logits(margins), BAD, truth, parts)
    by_picture = fit_shift(logits(margins), BAD, truth, None)
    assert by_part < by_picture


def test_more_bad_pictures_do_not_move_the_decision():
    """The share of bad pictures in a folder says nothing about the line."""
    few = fit_shift(logits([-1.0, 1.0]), BAD, np.array([False, True]), np.array([0, 1]))
    many = fit_shift(
        logits([-1.0] + [1.0] * 50), BAD, np.array([False] + [True] * 50), np.array([0] + [1] * 50)
    )
    assert few == pytest.approx(0.0, abs=1e-6)
    assert many == pytest.approx(0.0, abs=1e-6)


def test_several_bad_labels_count_together():
    """Three kinds of defects against one good label."""
    random = np.random.default_rng(0)
    values = random.normal(0, 0.3, (60, 4)).astype(np.float32)
    truth = np.arange(60) % 2 == 0
    values[truth, 1] += 6.0
    values[:, 3] += 4.0
    bad = np.array([True, True, True, False])
    shift = fit_shift(values, bad, truth, None)
    moved = values + shift * bad
    called = np.exp(moved[:, :3]).sum(axis=1) > np.exp(moved[:, 3])
    assert (called == truth).all()


def test_a_network_that_is_no_better_than_chance_is_left_alone():
    """The wrong way round there is nothing to put right, and nothing runs away."""
    assert fit_shift(logits([3.0, -3.0]), BAD, np.array([False, True]), None) == 0.0
    wide = fit_shift(logits([50.0, 60.0]), BAD, np.array([False, True]), None)
    assert abs(wide) <= LARGEST_SHIFT


@pytest.mark.parametrize("truth", [[True, True], [False, False]])
def test_one_kind_alone_is_an_error(truth):
    """Nothing can be put between bad parts and nothing."""
    with pytest.raises(DataError, match="defective and good"):
        fit_shift(logits([1.0, 2.0]), BAD, np.array(truth), None)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), overlap=st.floats(-3, 3))
def test_a_balanced_network_stays_as_it_is(seed, overlap):
    """A run that is finished a second time is not moved again."""
    random = np.random.default_rng(seed)
    margins = np.concatenate([random.normal(-1, 1, 30), random.normal(2 + overlap, 1, 50)]) + 3
    truth, parts = np.arange(80) >= 30, np.arange(80) // 8
    shift = fit_shift(logits(margins), BAD, truth, parts)
    if abs(shift) < LARGEST_SHIFT:
        moved = logits(margins) + np.float32(shift) * BAD
        assert fit_shift(moved, BAD, truth, parts) == 0.0
