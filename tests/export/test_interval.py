"""The interval of a share."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export.interval import share


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_known_intervals(count, total, low, high):
    """The figures of Wilson's interval as published (81 of 263: Newcombe, 1998, method 3)."""
    found = share(count, total)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@settings(deadline=None)  # no test fails by a clock
@given(st.integers(1, 10_000), st.data())
def test_the_interval_holds_the_share_and_stays_within_bounds(total, data):
    """No interval leaves 0..1 or misses its own share."""
    one = share(data.draw(st.integers(0, total)), total)
    assert 0.0 <= one.low <= one.value + 1e-12
    assert one.value - 1e-12 <= one.high <= 1.0


def test_of_nothing_nothing_is_known():
    """No pictures, no claim."""
    one = share(0, 0)
    assert (one.low, one.high) == (0.0, 1.0)
