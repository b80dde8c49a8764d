"""Scores and thresholds -> PASS, REJECT or RECHECK."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.errors import ScoreError
from bundle.manifest import Thresholds
from bundle.policy import Decision, decide, defect_score, probabilities

BAND = Thresholds(reject_at=0.5, recheck_at=0.2, chosen="test")


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (0.0, Decision.PASS),
        (math.nextafter(0.2, 0), Decision.PASS),
        (0.2, Decision.RECHECK),
        (math.nextafter(0.5, 0), Decision.RECHECK),
        (0.5, Decision.REJECT),
        (1.0, Decision.REJECT),
    ],
)
def test_thresholds_belong_to_the_stricter_side(score, decision):
    """A score at a threshold is judged as beyond it."""
    assert decide(score, BAND) is decision


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf"), -0.1, 1.1])
def test_what_is_no_probability_never_passes(score):
    """NaN, infinity and values outside of 0..1 raise instead of falling through to PASS."""
    with pytest.raises(ScoreError):
        decide(score, BAND)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_score_is_never_judged_milder(low, high, threshold):
    """More suspicion never turns a REJECT or RECHECK into something milder."""
    thresholds = Thresholds(reject_at=threshold, recheck_at=threshold / 2, chosen="test")
    order = [Decision.PASS, Decision.RECHECK, Decision.REJECT]
    low, high = min(low, high), max(low, high)
    assert order.index(decide(low, thresholds)) <= order.index(decide(high, thresholds))


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=6), st.floats(0.1, 10))
def test_probabilities_sum_to_one(logits, temperature):
    """Softmax gives probabilities for any finite logits and temperature."""
    shares = probabilities(np.array(logits, np.float32), temperature)
    assert shares.sum() == pytest.approx(1)
    assert ((shares >= 0) & (shares <= 1)).all()


def test_several_labels_may_mean_defective():
    """The defect score is the sum over all labels that mean a defect."""
    logits = np.log(np.array([0.5, 0.3, 0.2], np.float32))
    assert defect_score(logits, [1, 2]) == pytest.approx(0.5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_broken_logit_is_no_score(bad):
    """A model that gives NaN or infinity raises ScoreError."""
    with pytest.raises(ScoreError):
        defect_score(np.array([0.0, bad], np.float32), [0])
