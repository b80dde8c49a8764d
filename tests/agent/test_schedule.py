"""Windows, cut-offs and the parts between camera and gate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import document as config
from agent.records import Part, Reason, Trigger, Verdict, VerdictKind
from agent.schedule import InFlight, Timing, settle

MS = 1_000_000
TIMING = Timing.from_config(config.Timing())


def part(number, at_ns, boot=1):
    """Return a part with this number at this time."""
    return Part(number, Trigger(boot, number, at_ns))


def test_the_window_lies_around_the_delay():
    """The gate acts from guard before to guard after the part's arrival."""
    assert TIMING.window(1000 * MS) == (1392 * MS, 1408 * MS)


def test_the_cutoff_leaves_time_for_the_command():
    """Cut-off = window start - worst command time - guard."""
    assert TIMING.cutoff_ns(0) == TIMING.window(0)[0] - TIMING.command_ns - TIMING.guard_ns


@given(st.integers(-5, 5), st.sampled_from(list(VerdictKind)))
def test_a_late_verdict_never_passes_a_part(offset, kind):
    """From the cut-off tick on every verdict is UNINSPECTED; before it stays what it is."""
    flight, _ = InFlight(TIMING).add(part(1, 0))
    now_ns = TIMING.cutoff_ns(0) + offset
    settled = settle(Verdict(flight.part, kind, score=0.1), flight, TIMING, now_ns)
    if offset >= 0:
        assert settled.kind is VerdictKind.UNINSPECTED
    else:
        assert settled.kind is kind
    assert settled.score == 0.1


def test_a_late_verdict_keeps_its_score_for_the_engineer():
    """Reason `late` comes with score and times."""
    flight, _ = InFlight(TIMING).add(part(1, 0))
    verdict = Verdict(flight.part, VerdictKind.PASS, score=0.2, model="m", invoke_us=5)
    settled = settle(verdict, flight, TIMING, 10**12)
    assert (settled.reason, settled.score, settled.model) == (Reason.LATE, 0.2, "m")


@pytest.mark.parametrize("gap_ns", [0, 1, TIMING.min_pitch_ns - 1])
def test_two_parts_in_one_window_are_both_spoiled(gap_ns):
    """Parts closer than the smallest pitch reject each other, and the first one is named."""
    flights = InFlight(TIMING)
    first, _ = flights.add(part(1, 0))
    second, before = flights.add(part(2, gap_ns))
    assert before is first
    assert first.spoiled is second.spoiled is Reason.TOO_CLOSE
    verdict = Verdict(first.part, VerdictKind.PASS, score=0.0)
    assert settle(verdict, first, TIMING, 0).kind is VerdictKind.UNINSPECTED


def test_parts_at_the_smallest_pitch_are_both_fine():
    """The bound itself is allowed."""
    flights = InFlight(TIMING)
    first, _ = flights.add(part(1, 0))
    second, before = flights.add(part(2, TIMING.min_pitch_ns))
    assert before is None
    assert first.spoiled is second.spoiled is Reason.NONE


def test_too_many_parts_are_refused_and_never_overwrite():
    """Beyond max_in_flight a part is spoiled by overload; those before it stay."""
    timing = Timing.from_config(config.Timing(max_in_flight=2))
    flights = InFlight(timing)
    kept = [flights.add(part(i, i * 100 * MS))[0] for i in range(3)]
    assert [flight.spoiled for flight in kept] == [Reason.NONE, Reason.NONE, Reason.OVERLOAD]
    assert flights.find(1, 0) is kept[0]


def test_parts_whose_outcome_is_missing_come_up():
    """A part without a report after its window and the grace is overdue, in belt order."""
    flights = InFlight(TIMING, outcome_grace_ns=10)
    for number in range(3):
        flights.add(part(number, number * 100 * MS))
    due_ns = TIMING.window(100 * MS)[1] + 10
    assert [flight.part.seq for flight in flights.overdue(due_ns)] == [0, 1]
    assert flights.remove(1, 0) is not None
    assert [flight.part.seq for flight in flights.overdue(due_ns)] == [1]


def test_a_part_is_found_by_boot_and_number():
    """The same number after a restart of the controller is another part."""
    flights = InFlight(TIMING)
    flights.add(part(7, 0, boot=1))
    assert flights.find(2, 7) is None
    assert flights.remove(2, 7) is None
    assert len(flights) == 1


@given(st.lists(st.integers(0, 60 * MS), min_size=2, max_size=30))
def test_a_spoiled_part_has_a_close_neighbour(gaps):
    """For any belt: a part is spoiled if and only if a neighbour is too close."""
    flights = InFlight(Timing.from_config(config.Timing(max_in_flight=100)))
    times = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    flying = [flights.add(part(i, at))[0] for i, at in enumerate(times)]
    for i, flight in enumerate(flying):
        near = [abs(times[j] - times[i]) for j in (i - 1, i + 1) if 0 <= j < len(times)]
        assert (flight.spoiled is Reason.TOO_CLOSE) == (min(near) < TIMING.min_pitch_ns)


def test_parts_on_a_belt_that_is_followed_are_waited_for():
    """A standing belt makes no part overdue; a gate out of touch, or another one, does."""
    timing = Timing.from_config(config.Timing(max_in_flight=2), by_place=True)
    flights = InFlight(timing, outcome_grace_ns=0)
    first, _ = flights.add(part(1, 0))
    assert flights.overdue(10**15) == []
    flights.in_touch = False
    assert flights.overdue(10**15) == [first]
    flights.in_touch = True
    assert flights.overdue(10**15) == []
    second, _ = flights.add(part(1, 10**15, boot=2))
    assert flights.overdue(10**15 + 1) == [first]
    flights.remove(1, 1)
    for number in (2, 3, 4):
        flights.add(part(number, 10**15 + number * 100 * MS, boot=2))
    assert flights.overdue(10**16) == [second]


def test_parts_on_a_belt_in_time_are_not_waited_for():
    """Without places an outcome has its time, also while the gate is in touch."""
    flights = InFlight(TIMING, outcome_grace_ns=0)
    first, _ = flights.add(part(1, 0))
    assert flights.in_touch
    assert flights.overdue(TIMING.window(0)[1]) == [first]
