"""A part every so often: none lost, none early, no drift."""

from __future__ import annotations

import select

from hypothesis import given
from hypothesis import strategies as st

from agent.config.trigger import IntervalTrigger as Section
from agent.triggers.interval import IntervalTrigger

MS = 1_000_000


def make(interval_ms=100.0):
    """Return an open trigger that began at 0."""
    source = IntervalTrigger(Section(driver="interval", interval_ms=interval_ms))
    source.open(0)
    return source


@given(steps=st.lists(st.integers(1, 40 * 100 * MS), min_size=1, max_size=20))
def test_every_interval_gives_one_part_however_late_it_is_asked(steps):
    """The moments are the multiples of the interval, each told once and never ahead."""
    source, now_ns, moments = make(), 0, []
    for step_ns in steps:
        now_ns += step_ns
        moments += source.poll(now_ns)
        assert moments == sorted(moments)
        assert all(moment <= now_ns for moment in moments)
    assert moments == [(n + 1) * 100 * MS for n in range(now_ns // (100 * MS))]


def test_a_long_sleep_is_told_bit_by_bit():
    """64 parts at once at most; none is dropped."""
    source, told = make(), []
    while moments := source.poll(20_000 * MS):
        assert len(moments) <= 64
        told += moments
    assert len(told) == 200


def test_before_open_and_after_close_nothing_comes():
    """And a second `open` shifts nothing."""
    source = make()
    assert source.due_ns == 100 * MS
    source.open(50 * MS)
    assert source.due_ns == 100 * MS
    source.watch(select.poll())
    source.close()
    source.close()
    assert source.due_ns is None
    assert source.poll(2**60) == []
