"""The chosen thresholds pass no more defective validation parts than was wanted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import DataError
from training.evaluate import count_band
from training.intervals import upper_bound
from training.threshold import HIGHEST_REJECT, LOWEST_REJECT, choose_thresholds

SHARES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60)


def _choose(defective, good, rate=0.0):
    scores = np.array([*defective, *good])
    truth = np.array([True] * len(defective) + [False] * len(good))
    return scores, truth, choose_thresholds(scores, truth, rate)


@settings(deadline=None)
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


def _parts_of(rng, parts, pictures):
    """Draw scores of defective and good parts, each with so many pictures."""
    truth = np.repeat(np.arange(parts) < parts // 2, pictures)
    margins = np.where(truth, 3.0, -3.0) + np.repeat(rng.normal(0, 1.5, parts), pictures)
    margins += rng.normal(0, 0.3, parts * pictures)
    return 1 / (1 + np.exp(-margins)), truth, np.repeat(np.arange(parts), pictures)


@settings(deadline=None)
@given(st.integers(0, 1000), st.floats(0.02, 0.3))
def test_the_bound_on_the_escape_rate_is_kept(seed, rate):
    """Whatever the scores, the exact bound over the parts that escape stays below the wish."""
    scores, truth, parts = _parts_of(np.random.default_rng(seed), 400, 3)
    limits = choose_thresholds(scores, truth, parts=parts, max_escape_rate=rate)
    escaped = len(set(parts[truth & (scores < limits.recheck_at)]))
    assert upper_bound(escaped, 200) <= rate


def test_a_wish_that_the_parts_cannot_carry_is_refused():
    """Sixty defective parts show nothing below 4.9 %, however many pictures of them there are."""
    scores, truth, parts = _parts_of(np.random.default_rng(0), 120, 50)
    with pytest.raises(DataError, match=r"^below 0.5 % needs 598 defective parts, you have 60$"):
        choose_thresholds(scores, truth, parts=parts, max_escape_rate=0.005)


def test_a_bound_without_parts_is_refused():
    """Pictures are not parts: the bound would claim more than is known."""
    with pytest.raises(DataError, match="audit"):
        choose_thresholds(np.array([0.9, 0.1]), np.array([True, False]), max_escape_rate=0.5)


def test_without_a_wish_no_part_escapes_and_the_bound_stands_beside():
    """Three over n, and the same thresholds as by picture."""
    scores, truth, parts = _parts_of(np.random.default_rng(1), 120, 4)
    limits = choose_thresholds(scores, truth, parts=parts)
    assert (scores[truth] >= limits.recheck_at).all()
    assert "0 of 60 parts escape: at 95 % the rate is below 4.87%" in limits.chosen
    by_picture = choose_thresholds(scores, truth)
    assert by_picture.recheck_at == limits.recheck_at
    assert "if each picture showed another part" in by_picture.chosen


def test_a_part_escapes_as_a_whole():
    """One of four parts may go: two low pictures of one part cost one part, not two."""
    scores = np.array([0.01, 0.02, 0.9, 0.9, 0.9, 0.001])
    truth = np.array([True] * 5 + [False])
    limits = choose_thresholds(scores, truth, 0.25, parts=np.array([1, 1, 2, 3, 4, 9]))
    assert limits.reject_at == HIGHEST_REJECT
    assert limits.recheck_at > 0.02
