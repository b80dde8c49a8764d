"""The figures are those of the definitions, checked by counting."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.manifest import Thresholds
from training.evaluate import (
    area_under_roc,
    count_band,
    measure_scores,
    roc_curve,
    wilson_interval,
)

SCORES = st.lists(
    st.tuples(st.integers(0, 10).map(lambda tenths: tenths / 10), st.booleans()), min_size=1
)


def _arrays(pairs):
    return np.array([score for score, _ in pairs]), np.array([bad for _, bad in pairs])


def test_a_table_by_hand():
    """Three defective and two good parts, one mistake of each kind."""
    scores = np.array([0.9, 0.5, 0.4, 0.6, 0.1])
    metrics = measure_scores(scores, np.array([True, True, True, False, False]))
    counts = metrics.confusion
    assert (counts.tp, counts.fn, counts.fp, counts.tn) == (2, 1, 1, 1)
    assert metrics.accuracy == 3 / 5
    assert metrics.precision == 2 / 3
    assert metrics.recall == 2 / 3
    assert metrics.f1 == pytest.approx(2 / 3)
    assert metrics.specificity == 1 / 2
    assert metrics.auc == 4 / 6
    assert metrics.pictures == 5


@given(SCORES)
def test_the_area_counts_pairs_and_ties_by_half(pairs):
    """The area is the share of pairs in the right order."""
    scores, truth = _arrays(pairs)
    bad, good = scores[truth], scores[~truth]
    if len(bad) == 0 or len(good) == 0:
        assert area_under_roc(scores, truth) is None
        return
    wins = sum((b > g) + 0.5 * (b == g) for b in bad for g in good)
    assert area_under_roc(scores, truth) == pytest.approx(wins / (len(bad) * len(good)))


@given(SCORES)
def test_the_area_is_that_under_the_curve(pairs):
    """The drawn curve has the reported area, and only ever rises."""
    scores, truth = _arrays(pairs)
    area = area_under_roc(scores, truth)
    false, true = roc_curve(scores, truth)
    assert (np.diff(false) >= 0).all()
    assert (np.diff(true) >= 0).all()
    if area is not None:
        assert float(np.trapezoid(true, false)) == pytest.approx(area)


@given(SCORES, st.floats(0.0, 1.0))
def test_counts_add_up(pairs, threshold):
    """Every picture is in one cell; a figure without anything to count is None, never NaN."""
    scores, truth = _arrays(pairs)
    metrics = measure_scores(scores, truth, threshold)
    counts = metrics.confusion
    assert counts.tp + counts.fn == truth.sum()
    assert counts.fp + counts.tn == (~truth).sum()
    assert (metrics.recall is None) == (not truth.any())
    for name, (low, high) in metrics.intervals.items():
        assert 0.0 <= low <= getattr(metrics, name) <= high <= 1.0


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilson_as_published(successes, trials, low, high):
    """The bounds are those of Wilson's score as found in tables."""
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 500), st.data())
def test_wilson_holds_the_share_and_mirrors(trials, data):
    """The interval holds its share, and that of the failures is its mirror."""
    successes = data.draw(st.integers(0, trials))
    low, high = wilson_interval(successes, trials)
    mirrored = wilson_interval(trials - successes, trials)
    assert low <= successes / trials <= high
    assert mirrored == pytest.approx((1 - high, 1 - low))
    assert math.isfinite(low + high)


def test_an_escape_is_a_defective_part_that_is_passed():
    """Rechecked parts do not escape, rejected good ones are false rejects."""
    limits = Thresholds(reject_at=0.6, recheck_at=0.3, chosen="by hand")
    scores = np.array([0.1, 0.3, 0.6, 0.1, 0.5, 0.7])
    band = count_band(scores, np.array([True, True, True, False, False, False]), limits)
    assert (band.escapes, band.rechecks, band.false_rejects) == (1, 2, 1)
    assert (band.defective, band.good) == (3, 3)
    assert band.escape_rate == 1 / 3
