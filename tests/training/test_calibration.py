"""Scores are held against what came true, and one number mends their confidence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.policy import probabilities
from training.calibration import (
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    fit_temperature,
    measure_calibration,
)
from training.errors import DataError


def _drawn(temperature, count=6000, seed=0):
    """Draw logits whose softmax is right once they are divided by `temperature`."""
    random = np.random.default_rng(seed)
    honest = random.normal(0.0, 2.0, (count, 2))
    bad = random.random(count) < probabilities(honest.astype(np.float32))[:, 0]
    return (honest * temperature).astype(np.float32), np.stack([bad, ~bad], axis=1).astype(float)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_again(temperature):
    """Too bold or too timid by a known factor: that factor comes out, and the error falls."""
    logits, labels = _drawn(temperature)
    fitted = fit_temperature(logits, labels)
    assert fitted == pytest.approx(temperature, rel=0.08)
    bad = labels[:, 0] > 0.5
    before = measure_calibration(probabilities(logits)[:, 0], bad)
    after = measure_calibration(probabilities(logits, fitted)[:, 0], bad)
    assert after.ece < 0.02
    assert temperature == 1.0 or after.ece < before.ece / 2


def test_a_validation_without_a_mistake_asks_for_no_certainty():
    """Perfectly divided pictures would be sharpened without end; so few do not prove that much."""
    logits = np.array([[4.0, -4.0]] * 20 + [[-4.0, 4.0]] * 20, np.float32)
    labels = np.array([[1, 0]] * 20 + [[0, 1]] * 20, float)
    fitted = fit_temperature(logits, labels)
    assert fitted > LOWEST_TEMPERATURE
    assert probabilities(logits, fitted)[0, 0] == pytest.approx(21 / 22, abs=1e-3)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(-30, 30), st.booleans()), min_size=1, max_size=30))
def test_the_temperature_stays_in_its_bounds(rows):
    """Whatever the logits, the bundle's manifest takes it."""
    logits = np.array([[margin, 0.0] for margin, _ in rows], np.float32)
    labels = np.array([[bad, not bad] for _, bad in rows], float)
    assert LOWEST_TEMPERATURE <= fit_temperature(logits, labels) <= HIGHEST_TEMPERATURE


def test_three_labels_are_fitted_too():
    """The order of the labels within a picture stays."""
    random = np.random.default_rng(1)
    logits = random.normal(0, 4, (500, 3)).astype(np.float32)
    labels = np.eye(3)[random.integers(0, 3, 500)]
    fitted = fit_temperature(logits, labels)
    assert fitted > 3.0  # labels that have nothing to do with the logits: no confidence is right
    assert (probabilities(logits, fitted).argmax(1) == logits.argmax(1)).all()


def test_no_picture_has_no_temperature():
    """Nothing to fit on is an error of ours."""
    with pytest.raises(DataError, match="validation"):
        fit_temperature(np.empty((0, 2)), np.empty((0, 2)))


def test_a_table_by_hand():
    """Two bins: 0.2 where none is defective, 0.9 where three of four are."""
    scores = np.array([0.2, 0.2, 0.9, 0.9, 0.9, 0.9])
    truth = np.array([False, False, True, True, True, False])
    found = measure_calibration(scores, truth)
    assert [(one.pictures, one.defective_share) for one in found.bins] == [(2, 0.0), (4, 0.75)]
    assert found.ece == pytest.approx((2 * 0.2 + 4 * 0.15) / 6)
    assert found.brier == pytest.approx((2 * 0.04 + 3 * 0.01 + 0.81) / 6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.booleans()), min_size=1))
def test_reliability_is_that_of_scikit_learn(rows):
    """Every picture is in one bin; score and share of each bin and the Brier score agree."""
    sklearn = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: [train]")
    scores, truth = np.array([score for score, _ in rows]), np.array([bad for _, bad in rows])
    found = measure_calibration(scores, truth)
    assert sum(one.pictures for one in found.bins) == len(rows)
    assert 0.0 <= found.ece <= 1.0
    expected = sklearn.brier_score_loss(truth, scores, labels=[False, True], pos_label=True)
    assert found.brier == pytest.approx(expected)
    for one in found.bins:
        assert one.low - 1e-12 <= one.mean_score <= one.high + 1e-12
        assert one.interval[0] <= one.defective_share <= one.interval[1]


def test_no_picture_has_no_reliability():
    """Nothing measured is None."""
    assert measure_calibration(np.empty(0), np.empty(0, bool)) is None
