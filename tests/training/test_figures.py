"""All figures of an evaluation go together, whatever is missing, and into JSON."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundle.manifest import Thresholds
from training.figures import figures_json, measure_all

LIMITS = Thresholds(reject_at=0.5, recheck_at=0.2, chosen="by hand")
ROWS = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.booleans(), st.integers(0, 6)), min_size=1, max_size=30
)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.booleans(), st.booleans())
def test_whatever_the_pictures_the_json_is_whole(rows, known, limited):
    """No NaN and no infinity, with and without parts and thresholds, from one picture on."""
    scores, truth, parts = (np.array(column) for column in zip(*rows, strict=True))
    figures = measure_all(scores, truth, parts if known else None, LIMITS if limited else None)
    content = figures_json(figures, scores, truth)
    json.dumps(content, allow_nan=False)
    assert (content["by_part"] is None) == (not known)
    assert (content["escapes"] is None) == (not truth.any())
    assert (content["at_thresholds"] is None) == (not limited)


def test_the_same_figure_is_the_same_everywhere():
    """Counts at the thresholds, by part and on the escape curve agree."""
    random = np.random.default_rng(5)
    truth = np.repeat(random.random(80) < 0.5, 3)
    scores = np.clip(np.where(truth, 0.7, 0.3) + random.normal(0, 0.25, 240), 0, 1)
    parts = np.repeat(np.arange(80), 3)
    figures = measure_all(scores, truth, parts, LIMITS)
    own, chosen = figures.by_part.at_thresholds, figures.escapes.at_threshold
    assert own.escaped_parts == chosen.escapes_by_part
    assert own.escape_rate_upper_bound == chosen.escape_upper_bound
    assert figures.at_thresholds.escapes == chosen.escapes
    half = figures.by_part.at_half
    missed = set(parts[truth & (scores < 0.5)])
    assert half.escaped_parts == len(missed)
    assert figures.escapes.without_escape.escapes_by_part == 0
    assert figures.escapes.at_99_recall_by_part.threshold <= (
        figures.escapes.at_99_recall_by_picture.threshold
    )


def test_the_names_that_programs_read():
    """The manual's keys, nested as it says."""
    scores, truth = np.array([0.9, 0.1]), np.array([True, False])
    content = figures_json(measure_all(scores, truth, np.array([1, 2]), LIMITS), scores, truth)
    assert content["accuracy"] == 1.0
    assert content["by_part"]["at_half"]["recall_by_part_any_miss"] == 1.0
    assert content["escapes"]["at_99_recall_by_picture"]["false_reject_rate"] == 0.0
    assert content["calibration"]["ece"] == pytest.approx(0.1)
    assert content["roc"]["true_positive_rate"] == [0.0, 1.0, 1.0]
    assert content["precision_recall"]["recall"] == [1.0, 1.0]
    assert [one["score"] for one in content["worst_defective"]] == [0.9]
