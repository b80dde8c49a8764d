"""Intervals hold what they promise: as published, as scikit-learn's, and by drawing anew."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.curves import area_under_roc
from training.intervals import (
    interval_by_part,
    resample_parts,
    spread_of,
    upper_bound,
    wilson_interval,
)
from training.part_intervals import Ranks, intervals_by_part


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


@settings(deadline=None)
@given(st.integers(1, 500), st.data())
def test_wilson_holds_the_share_and_mirrors(trials, data):
    """The interval holds its share, and that of the failures is its mirror."""
    successes = data.draw(st.integers(0, trials))
    low, high = wilson_interval(successes, trials)
    mirrored = wilson_interval(trials - successes, trials)
    assert low <= successes / trials <= high
    assert mirrored == pytest.approx((1 - high, 1 - low))
    assert math.isfinite(low + high)


@settings(deadline=None)
@given(st.integers(1, 3000), st.data())
def test_the_upper_bound_is_the_exact_one(trials, data):
    """It is the quantile of the beta distribution that Clopper and Pearson give."""
    beta = pytest.importorskip("scipy.stats", reason="needs SciPy: linewarden[train]").beta
    events = data.draw(st.integers(0, trials))
    expected = 1.0 if events == trials else beta.ppf(0.95, events + 1, trials - events)
    assert upper_bound(events, trials) == pytest.approx(expected, rel=1e-9)


def test_no_event_is_bounded_by_three_over_n():
    """The rule of three; and of nothing seen, nothing is known."""
    assert upper_bound(0, 300) == pytest.approx(3 / 300, rel=0.01)
    assert upper_bound(0, 598) < 0.005 < upper_bound(0, 597)
    assert upper_bound(0, 0) == 1.0


def _draw_parts(random, parts, pictures):
    """Draw how many of each part's pictures are found: parts differ, their pictures hardly do."""
    chances = random.beta(4.0, 0.6, parts)
    return random.binomial(pictures, chances) / pictures


def test_the_interval_by_part_covers_and_wilson_does_not():
    """Of intervals from drawn samples nearly 95 % hold the true mean; by picture far fewer do."""
    random = np.random.default_rng(7)
    true, parts, pictures, rounds = 4.0 / 4.6, 60, 8, 150
    by_part = by_picture = 0
    for seed in range(rounds):
        shares = _draw_parts(random, parts, pictures)

        def mean(weights, shares=shares):
            return (weights @ shares)[:, np.newaxis] / parts

        drawn = resample_parts(parts, mean, draws=400, seed=seed)[:, 0]
        low, high = interval_by_part(float(shares.mean()), parts, drawn)
        by_part += low <= true <= high
        low, high = wilson_interval(float(shares.sum()) * pictures, parts * pictures)
        by_picture += low <= true <= high
    assert 0.88 <= by_part / rounds <= 0.99
    assert by_picture / rounds < 0.85


def test_resampling_is_the_same_in_blocks(monkeypatch):
    """However many rows are worked on at a time, every one draws as many parts as there are."""
    monkeypatch.setattr("training.intervals._BLOCK_CELLS", 50)
    sums = resample_parts(20, lambda weights: weights.sum(axis=1, keepdims=True), draws=33)
    assert sums.tolist() == [[20.0]] * 33


def test_parts_that_all_agree_are_no_proof():
    """Where resampling shows no spread, the number of parts still bounds what is known."""
    assert interval_by_part(1.0, 10, np.ones(50)) == wilson_interval(10, 10)
    assert interval_by_part(0.0, 10, np.zeros(50)) == wilson_interval(0, 10)
    assert interval_by_part(0.5, 0, np.ones(5)) is None


def test_draws_without_a_value_do_not_count():
    """A sample that drew no defective part has no recall."""
    assert spread_of(np.array([np.nan, 0.5, 0.5])) == (0.5, 0.5)
    assert spread_of(np.array([np.nan])) is None


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 10), st.booleans(), st.integers(0, 6)), min_size=1, max_size=40
    )
)
def test_the_intervals_of_the_metrics_hold_their_metrics(rows):
    """Each is within 0..1, holds its figure, and is left out where there is no figure."""
    from training.evaluate import measure_scores

    scores = np.array([tenths / 10 for tenths, _, _ in rows])
    truth = np.array([bad for _, bad, _ in rows])
    parts = np.array([part for _, _, part in rows])
    metrics = measure_scores(scores, truth, parts=parts)
    for name in ("accuracy", "precision", "recall", "f1", "specificity", "auc"):
        value, interval = getattr(metrics, name), metrics.intervals_by_part.get(name)
        assert (value is None) == (interval is None)
        if interval is not None:
            assert 0.0 <= interval[0] <= value <= interval[1] <= 1.0


def test_the_area_of_a_draw_is_that_of_the_drawn_pictures():
    """A part drawn twice counts as if its pictures stood there twice, ties included."""
    random = np.random.default_rng(2)
    scores, truth = random.integers(0, 6, 60) / 5, random.random(60) < 0.5
    parts = random.integers(0, 20, 60)
    weights = random.integers(0, 4, (5, 20)).astype(float)
    areas = Ranks(scores, truth, parts).areas(weights)
    for area, row in zip(areas, weights, strict=True):
        copies = row[parts].astype(int)
        expected = area_under_roc(np.repeat(scores, copies), np.repeat(truth, copies))
        assert area == pytest.approx(expected)


def test_copies_of_parts_do_not_narrow_the_interval():
    """Ten pictures of each part that say the same are worth no more than one."""
    random = np.random.default_rng(3)
    scores, truth = random.random(40), random.random(40) < 0.5
    once = intervals_by_part(scores, truth, np.arange(40), 0.5)
    copied = intervals_by_part(
        np.repeat(scores, 10), np.repeat(truth, 10), np.repeat(np.arange(40), 10), 0.5
    )
    assert set(copied) == set(once)
    for name, interval in once.items():
        assert copied[name] == pytest.approx(interval)
    assert intervals_by_part(scores, truth, np.arange(40), 0.5) == once
