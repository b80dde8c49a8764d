"""The chosen thresholds pass no more defective validation parts than was wanted."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.errors import DataError
from training.evaluate import count_band
from training.threshold import HIGHEST_REJECT, LOWEST_REJECT, choose_thresholds

SHARES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60)


def _choose(defective, good, rate=0.0):
    scores = np.array([*defective, *good])
    truth = np.array([True] * len(defective) + [False] * len(good))
    return scores, truth, choose_thresholds(scores, truth, rate)


@given(SHARES, SHARES, st.floats(0.0, 0.5))
def test_no_more_escape_than_wanted(defective, good, rate):
    """Whatever the scores, the escapes on validation stay within the wanted rate."""
    scores, truth, limits = _choose(defective, good, rate)
    assert count_band(scores, truth, limits).escapes <= rate * len(defective) + 1e-9
    assert 0.0 <= limits.recheck_at <= limits.reject_at
    assert LOWEST_REJECT <= limits.reject_at <= HIGHEST_REJECT


def test_parts_that_fall_clean_apart_give_no_extreme_threshold():
    """Without one mistake the threshold is a half, not the lowest defective score."""
    _, _, limits = _choose([0.97, 0.98, 0.99], [0.01, 0.02, 0.03])
    assert limits.reject_at == 0.5
    assert 0.03 < limits.recheck_at < 0.5


def test_defective_parts_among_the_good_are_checked_again():
    """A defective part that scores like a good one moves recheck_at below it, with a margin."""
    good = list(np.linspace(0.02, 0.1, 200))
    scores, truth, limits = _choose([0.06, 0.97, 0.98, 0.99], good)
    assert limits.reject_at == LOWEST_REJECT
    assert 0.045 < limits.recheck_at < 0.055
    # The int8 model may score that part a little lower: it is still not passed.
    assert count_band(np.where(scores == 0.06, 0.056, scores), truth, limits).escapes == 0


def test_a_wanted_rate_gives_the_worst_parts_up():
    """One in four may escape: the second lowest defective score is the limit."""
    _, _, limits = _choose([0.001, 0.4, 0.97, 0.98], [0.01, 0.02], 0.25)
    assert limits.reject_at == pytest.approx(0.4, abs=1e-5)
    assert "passes at most 1" in limits.chosen


@pytest.mark.parametrize(("defective", "good"), [([], [0.1]), ([0.9], [])])
def test_one_kind_alone_is_refused(defective, good):
    """Without defective or good parts there is nothing to choose by."""
    with pytest.raises(DataError, match="defective and good"):
        _choose(defective, good)
