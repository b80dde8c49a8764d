"""Curves and areas are those of scikit-learn, also where there is little to draw."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.curves import (
    area_under_roc,
    average_precision,
    corners,
    precision_recall_curve,
    roc_curve,
)

sklearn = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: linewarden[train]")

# Tenths, so that many scores tie.
PAIRS = st.lists(
    st.tuples(st.integers(0, 10).map(lambda tenths: tenths / 10), st.booleans()), min_size=1
)


def _arrays(pairs):
    return np.array([score for score, _ in pairs]), np.array([bad for _, bad in pairs])


@settings(deadline=None)
@given(PAIRS)
def test_the_areas_are_those_of_scikit_learn(pairs):
    """Whatever the ties; where one kind is missing we say that there is no area."""
    scores, truth = _arrays(pairs)
    if truth.all() or not truth.any():
        assert area_under_roc(scores, truth) is None
    else:
        assert area_under_roc(scores, truth) == pytest.approx(sklearn.roc_auc_score(truth, scores))
    if truth.any():
        expected = sklearn.average_precision_score(truth, scores)
        assert average_precision(scores, truth) == pytest.approx(expected)
    else:
        assert average_precision(scores, truth) is None


@settings(deadline=None)
@given(PAIRS)
def test_the_curves_are_those_of_scikit_learn(pairs):
    """Every point of ours is a point of theirs, in the same order."""
    scores, truth = _arrays(pairs)
    with warnings.catch_warnings():  # theirs warns where one kind is missing
        warnings.simplefilter("ignore")
        false, true, _ = sklearn.roc_curve(truth, scores, drop_intermediate=False)
    ours_false, ours_true = roc_curve(scores, truth)
    if not truth.all():
        assert ours_false == pytest.approx(false)
    if truth.any():
        assert ours_true == pytest.approx(true)
        precision, recall, thresholds = sklearn.precision_recall_curve(truth, scores)
        ours = precision_recall_curve(scores, truth)
        # Theirs rises with the threshold and ends in a point of its own.
        assert ours[0][::-1] == pytest.approx(precision[:-1])
        assert ours[1][::-1] == pytest.approx(recall[:-1])
        assert ours[2][::-1] == pytest.approx(thresholds)


@settings(deadline=None)
@given(PAIRS)
def test_left_out_points_lie_on_the_line(pairs):
    """What is left of a curve has the same area under it."""
    false, true = roc_curve(*_arrays(pairs))
    kept = corners(false, true)
    assert kept[0]
    assert kept[-1]
    assert np.trapezoid(true[kept], false[kept]) == pytest.approx(np.trapezoid(true, false))


@pytest.mark.parametrize("truth", [True, False])
def test_one_picture_has_a_curve(truth):
    """A single picture is enough to be drawn and too little for an area."""
    scores, kinds = np.array([0.7]), np.array([truth])
    assert [len(each) for each in roc_curve(scores, kinds)] == [2, 2]
    assert area_under_roc(scores, kinds) is None
    assert average_precision(scores, kinds) == (1.0 if truth else None)


def test_no_picture_has_no_curve():
    """Nothing at all raises nothing."""
    nothing, none = np.empty(0), np.empty(0, bool)
    assert roc_curve(nothing, none)[0].tolist() == [0.0]
    assert area_under_roc(nothing, none) is None
    assert average_precision(nothing, none) is None


def test_all_ties_are_one_step():
    """Scores that are all alike order nothing: half the area, the share of defective ones."""
    scores, truth = np.full(8, 0.3), np.array([True, False] * 4)
    assert area_under_roc(scores, truth) == 0.5
    assert average_precision(scores, truth) == 0.5
    assert [len(each) for each in roc_curve(scores, truth)] == [2, 2]
