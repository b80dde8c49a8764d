"""The figures are those of the definitions: checked by counting and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.manifest import Thresholds
from training.curves import roc_curve
from training.evaluate import Confusion, count_band, measure_scores

SCORES = st.lists(
    st.tuples(st.integers(0, 10).map(lambda tenths: tenths / 10), st.booleans()), min_size=1
)


def _arrays(pairs):
    return np.array([score for score, _ in pairs]), np.array([bad for _, bad in pairs])


def test_a_table_by_hand():
    """Three defective and two good parts, one mistake of each kind."""
    scores = np.array([0.9, 0.5, 0.4, 0.6, 0.1])
    metrics = measure_scores(scores, np.array([True, True, True, False, False]))
    assert metrics.confusion == Confusion(tp=2, fn=1, fp=1, tn=1)
    assert metrics.accuracy == 3 / 5
    assert metrics.precision == 2 / 3
    assert metrics.recall == 2 / 3
    assert metrics.f1 == pytest.approx(2 / 3)
    assert metrics.specificity == 1 / 2
    assert metrics.auc == 4 / 6
    assert metrics.pictures == 5
    assert metrics.intervals_by_part is None


@settings(deadline=None)
@given(SCORES, st.floats(0.0, 1.0))
def test_the_metrics_are_those_of_scikit_learn(pairs, threshold):
    """Equations 1 to 5; where theirs has nothing to divide by, ours is None."""
    sklearn = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: [train]")
    scores, truth = _arrays(pairs)
    ours, called = measure_scores(scores, truth, threshold), scores >= threshold
    expected = {
        "accuracy": sklearn.accuracy_score(truth, called),
        "precision": sklearn.precision_score(truth, called, zero_division=np.nan),
        "recall": sklearn.recall_score(truth, called, zero_division=np.nan),
        "f1": sklearn.f1_score(truth, called, zero_division=np.nan),
        "specificity": sklearn.recall_score(~truth, ~called, zero_division=np.nan),
    }
    for name, value in expected.items():
        mine = getattr(ours, name)
        assert (mine is None) == bool(np.isnan(value))
        assert mine is None or mine == pytest.approx(value)


@settings(deadline=None)
@given(SCORES)
def test_the_area_is_that_under_the_curve(pairs):
    """The drawn curve has the reported area, and only ever rises."""
    scores, truth = _arrays(pairs)
    area = measure_scores(scores, truth).auc
    false, true = roc_curve(scores, truth)
    assert (np.diff(false) >= 0).all()
    assert (np.diff(true) >= 0).all()
    if area is not None:
        assert float(np.trapezoid(true, false)) == pytest.approx(area)


@settings(deadline=None)
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


def test_nothing_to_measure_is_no_figure():
    """Without a picture every figure is None."""
    metrics = measure_scores(np.empty(0), np.empty(0, bool))
    assert (metrics.accuracy, metrics.recall, metrics.auc, metrics.f1) == (None,) * 4
    assert metrics.intervals == {}


def test_the_paper_s_one_class_model_is_seen_through():
    """Its CNN calls all of 1523 pictures defective: recall 1, specificity 0, accuracy 59 %."""
    truth = np.arange(1523) < 899
    metrics = measure_scores(np.full(1523, 0.9), truth)
    assert metrics.accuracy == pytest.approx(0.5903, abs=1e-4)
    assert (metrics.recall, metrics.specificity, metrics.auc) == (1.0, 0.0, 0.5)


def test_an_escape_is_a_defective_part_that_is_passed():
    """Rechecked parts do not escape, rejected good ones are false rejects."""
    limits = Thresholds(reject_at=0.6, recheck_at=0.3, chosen="by hand")
    scores = np.array([0.1, 0.3, 0.6, 0.1, 0.5, 0.7])
    band = count_band(scores, np.array([True, True, True, False, False, False]), limits)
    assert (band.escapes, band.rechecks, band.false_rejects) == (1, 2, 1)
    assert (band.defective, band.good) == (3, 3)
    assert band.escape_rate == 1 / 3
