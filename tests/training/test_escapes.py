"""The escape curve counts what passes, and no claim goes beyond what the parts can carry."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.errors import DataError
from training.escapes import (
    allowed_escapes,
    escape_curve,
    parts_needed,
    refuse_wish,
    tabulate,
)
from training.intervals import upper_bound

ROWS = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.booleans(), st.integers(0, 9)), min_size=1, max_size=60
)


def _columns(rows):
    scores, truth, parts = zip(*rows, strict=True)
    return np.array(scores), np.array(truth), np.array(parts)


@pytest.mark.parametrize(
    ("rate", "parts"), [(0.02, 149), (0.01, 299), (0.005, 598), (0.001, 2995), (0.5, 5)]
)
def test_the_parts_that_a_claim_needs(rate, parts):
    """As many as make a run without an escape rarer than one in twenty, and not one fewer."""
    assert parts_needed(rate) == parts
    assert upper_bound(0, parts) <= rate < upper_bound(0, parts - 1)


def test_a_wish_beyond_the_data_is_refused_in_one_sentence():
    """The sentence names the wish, what it needs and what there is."""
    with pytest.raises(DataError) as caught:
        refuse_wish(0.005, 120)
    assert str(caught.value) == "below 0.5 % needs 598 defective parts, you have 120"
    with pytest.raises(DataError, match="you have 597"):
        refuse_wish(0.005, 597)
    refuse_wish(0.005, 598)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_what_is_no_rate_is_refused(rate):
    """Nobody can promise no escape at all."""
    with pytest.raises(DataError, match="between 0 and 1"):
        parts_needed(rate)


@settings(deadline=None)
@given(st.floats(0.01, 0.9), st.integers(1, 400))
def test_as_many_escape_as_the_bound_allows(rate, parts):
    """The bound holds for the escapes that are allowed, and no longer for one more."""
    if parts < parts_needed(rate):
        with pytest.raises(DataError, match="you have"):
            allowed_escapes(rate, parts)
        return
    allowed = allowed_escapes(rate, parts)
    assert upper_bound(allowed, parts) <= rate
    assert allowed + 1 == parts or upper_bound(allowed + 1, parts) > rate


@settings(deadline=None)
@given(ROWS)
def test_the_curve_counts_what_passes(rows):
    """At each threshold, by picture and by part; as it falls, fewer escape and more are lost."""
    scores, truth, parts = _columns(rows)
    points = escape_curve(tabulate(scores, truth, parts))
    for point in points:
        passed = scores < point.threshold
        assert point.escapes == (passed & truth).sum()
        assert point.escapes_by_part == len(set(parts[passed & truth]))
        assert point.false_rejects == (~passed & ~truth).sum()
        assert point.false_rejects_by_part == len(set(parts[~passed & ~truth]))
        assert point.escape_upper_bound >= (point.escape_rate_by_part or 0.0)
    for higher, lower in pairwise(points):
        assert higher.threshold > lower.threshold
        assert higher.escapes_by_part >= lower.escapes_by_part
        assert higher.false_rejects <= lower.false_rejects


@settings(deadline=None)
@given(ROWS, st.floats(0.5, 1.0))
def test_the_point_of_a_recall_is_the_highest_that_has_it(rows, recall):
    """The recall is reached there, and no higher score among the defective reaches it."""
    scores, truth, parts = _columns(rows)
    table = tabulate(scores, truth, parts)
    point = table.at_recall(recall, "picture")
    if not truth.any():
        assert point is None
        return
    bad = scores[truth]
    assert (bad >= point.threshold).mean() >= recall - 1e-9
    higher = bad[bad > point.threshold]
    if len(higher):
        assert (bad >= higher.min()).mean() < recall
    by_part = table.at_recall(recall, "part")
    assert 1.0 - by_part.escape_rate_by_part >= recall - 1e-9


def test_a_long_curve_keeps_the_points_where_few_escape():
    """Thinned to a page's worth, with every step of the first escapes."""
    random = np.random.default_rng(0)
    scores, truth = random.random(4000), random.random(4000) < 0.5
    points = escape_curve(tabulate(scores, truth))
    assert len(points) <= 201
    assert {point.escapes for point in points} >= set(range(50))
    assert points[0].escapes_by_part is None


def test_without_parts_the_bound_counts_pictures():
    """The bound rests on what is known, which the page then says."""
    table = tabulate(np.array([0.9, 0.8, 0.1]), np.array([True, True, False]))
    assert table.counted == 2
    assert table.at(0.5).escape_upper_bound == upper_bound(0, 2)
    assert table.at_recall(0.99, "part") is None
