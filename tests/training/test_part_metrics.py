"""By part a defective part counts once, and one passed picture is enough for it to escape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.part_metrics import measure_parts, parts_under_two_labels, worst_parts

ROWS = st.lists(
    st.tuples(st.integers(0, 10).map(lambda tenths: tenths / 10), st.booleans(), st.integers(0, 9)),
    min_size=1,
    max_size=60,
)
# Part 1 is caught whole, part 2 in two of three, part 3 never; 4 is good, 5 good but for one.
SCORES = np.array([0.9, 0.8, 0.9, 0.7, 0.2, 0.1, 0.3, 0.1, 0.0, 0.2, 0.8])
TRUTH = np.array([True] * 7 + [False] * 4)
PARTS = np.array([1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5])


def _columns(rows):
    scores, truth, parts = zip(*rows, strict=True)
    return np.array(scores), np.array(truth), np.array(parts)


def test_a_table_by_hand():
    """57 % of the pictures are caught, and one of three parts in every picture."""
    figures = measure_parts(SCORES, TRUTH, PARTS, 0.5)
    assert (figures.defective_parts, figures.good_parts) == (3, 2)
    assert (figures.escaped_parts, figures.missed_always) == (2, 1)
    assert figures.recall_by_part_any_miss == pytest.approx(1 / 3)
    assert figures.mean_recall_by_part == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert figures.falsely_rejected_parts == 1
    assert figures.false_rejects_by_part == 1 / 2
    assert figures.mean_false_rejects_by_part == pytest.approx(1 / 4)


def test_the_band_between_the_thresholds_stops_without_rejecting():
    """A picture to be checked again is caught, and a good one is not yet rejected."""
    figures = measure_parts(SCORES, TRUTH, PARTS, 0.15, 0.85)
    assert figures.escaped_parts == 1
    assert figures.falsely_rejected_parts == 0


@settings(deadline=None)
@given(ROWS)
def test_the_strict_figure_is_never_above_the_mean(rows):
    """What is caught in every picture is caught in one at random; intervals hold their figures."""
    scores, truth, parts = _columns(rows)
    figures = measure_parts(scores, truth, parts, 0.5)
    assert figures.defective_parts == len(set(parts[truth]))
    assert figures.missed_always <= figures.escaped_parts <= figures.defective_parts
    if truth.any():
        strict, mean = figures.recall_by_part_any_miss, figures.mean_recall_by_part
        assert strict <= mean + 1e-12
        for name in ("recall_by_part_any_miss", "mean_recall_by_part"):
            low, high = getattr(figures, f"{name}_interval")
            assert 0.0 <= low <= high <= 1.0
            assert low - 1e-12 <= getattr(figures, name) <= high + 1e-12
    else:
        assert figures.recall_by_part_any_miss is None
        assert figures.mean_recall_by_part_interval is None


@settings(deadline=None)
@given(ROWS)
def test_one_picture_a_part_is_the_figure_by_picture(rows):
    """Where each picture shows a part of its own, all three recalls agree."""
    scores, truth, _ = _columns(rows)
    figures = measure_parts(scores, truth, np.arange(len(rows)), 0.5)
    if truth.any():
        recall = float((scores[truth] >= 0.5).mean())
        assert figures.recall_by_part_any_miss == pytest.approx(recall)
        assert figures.mean_recall_by_part == pytest.approx(recall)


def test_a_part_under_two_labels_is_counted():
    """One part that is defective in one picture and good in another contradicts itself."""
    assert parts_under_two_labels(TRUTH, PARTS) == 0
    assert parts_under_two_labels(TRUTH, np.where(PARTS == 4, 1, PARTS)) == 1


def test_the_worst_parts_come_first():
    """The part missed always is worse than the one missed once, and that than one never missed."""
    missed = worst_parts(SCORES, TRUTH, PARTS, 0.5, defective=True)
    assert [(one.part, one.wrong, one.pictures, one.place) for one in missed] == [
        (3, 2, 2, 5), (2, 1, 3, 4), (1, 0, 2, 1),
    ]  # fmt: skip
    rejected = worst_parts(SCORES, TRUTH, PARTS, 0.5, defective=False)
    assert [(one.part, one.score, one.place) for one in rejected] == [(5, 0.8, 10), (4, 0.1, 7)]
    assert worst_parts(SCORES, TRUTH, PARTS, 0.5, defective=True, most=1) == missed[:1]


def test_without_parts_each_picture_stands_for_itself():
    """The worst pictures are listed, and say that their part is not known."""
    missed = worst_parts(SCORES, TRUTH, None, 0.5, defective=True)
    assert [one.part for one in missed] == [None] * 7
    assert [one.score for one in missed] == [0.1, 0.2, 0.3, 0.7, 0.8, 0.9, 0.9]
    assert [one.wrong for one in missed] == [1, 1, 1, 0, 0, 0, 0]
