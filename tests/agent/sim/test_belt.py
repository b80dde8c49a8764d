"""The belt's arithmetic: which part arrives when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.sim.belt import Belt

belts = st.builds(
    Belt,
    rate_per_s=st.floats(0.05, 1000),
    jitter=st.floats(0, 0.99),
    seed=st.integers(0, 2**40),
    start_ns=st.integers(0, 10**15),
)


@given(belt=belts, part=st.integers(0, 10**7))
def test_parts_arrive_one_after_the_other(belt, part):
    """With a jitter below 1 no part overtakes the one before it."""
    assert belt.arrival_ns(part) < belt.arrival_ns(part + 1)


@given(belt=belts, part=st.integers(0, 10**7))
def test_latest_part_is_the_one_that_arrived_last(belt, part):
    """At its own arrival a part is the latest; a nanosecond before, it is not yet."""
    at_ns = belt.arrival_ns(part)
    assert belt.latest_part(at_ns) == part
    assert belt.latest_part(at_ns - 1) == (part - 1 if part else None)


@given(belt=belts, since_ns=st.integers(0, 10**12))
def test_latest_part_lies_between_its_own_arrival_and_the_next(belt, since_ns):
    """Whatever the moment, the latest part has arrived and the next has not."""
    now_ns = belt.arrival_ns(0) + since_ns
    part = belt.latest_part(now_ns)
    assert part is not None
    assert belt.arrival_ns(part) <= now_ns < belt.arrival_ns(part + 1)


@given(belt=belts, part=st.integers(0, 10**7))
def test_a_part_is_shifted_by_at_most_half_the_jitter(belt, part):
    """A part stays within half the jitter of its even place on the belt."""
    even_ns = belt.start_ns + part * belt.pitch_ns
    assert abs(belt.arrival_ns(part) - even_ns) <= belt.jitter / 2 * belt.pitch_ns + 1


def test_a_belt_with_an_end_is_empty_after_its_last_part():
    """The last part stays the latest for ever."""
    belt = Belt(rate_per_s=10, parts=3)
    assert belt.latest_part(10**12) == 2


def test_another_seed_shifts_the_parts_otherwise():
    """Two belts of different seeds are not in step."""
    first, second = Belt(rate_per_s=10, seed=1), Belt(rate_per_s=10, seed=2)
    shifts = [first.arrival_ns(part) - second.arrival_ns(part) for part in range(20)]
    assert len(set(shifts)) == 20
