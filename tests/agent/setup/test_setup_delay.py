"""The delay from marks of ten parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigError
from agent.setup.delay import estimate, pair

MS = 1_000_000


@given(
    st.floats(50, 20_000),
    st.lists(st.floats(-0.05, 0.05), min_size=10, max_size=10),
    st.integers(0, 9),
)
def test_one_slip_of_a_finger_changes_nothing(true_ms, scatter, slip):
    """The median lies within the scatter of the other nine, and the guard covers it."""
    taken = [true_ms * (1 + one) for one in scatter]
    taken[slip] = true_ms * 4
    found = estimate(taken)
    assert abs(found.delay_ms - true_ms) <= 0.05 * true_ms + 0.1
    assert found.guard_ms >= found.spread_ms - 0.1
    assert found.guard_ms >= 8


@pytest.mark.parametrize(
    ("taken", "words"),
    [([400.0, 401.0], "only 2 parts"), ([100.0, 900.0, 2000.0, 5000.0, 50.0], "one at a time")],
)
def test_what_says_nothing_is_refused(taken, words):
    """Too few parts, and parts that contradict one another."""
    with pytest.raises(ConfigError, match=words):
        estimate(taken)


def test_a_mark_belongs_to_the_last_part_before_it():
    """A part that nobody marked and a mark without a part are left out."""
    seen = [0, 1000 * MS, 5000 * MS]
    marked = [1400 * MS, 1450 * MS, 5410 * MS]
    assert pair(seen, marked) == [400.0, 410.0]
    assert pair([], marked) == []
