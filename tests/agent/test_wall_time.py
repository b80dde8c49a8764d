"""Wall times as they are written everywhere."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from agent.wall_time import iso_time


@given(st.integers(-(10**9), 4 * 10**18))
def test_times_are_utc_with_milliseconds(wall_ns: int) -> None:
    """Also when the board believes it is 1970."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", iso_time(wall_ns))
