"""What the agent counts while it runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.records import OutcomeCode, Part, Reason, Trigger, Verdict, VerdictKind
from agent.tally import Tally, latency


def verdict(kind, number=1, **more):
    """Return a verdict for a part that came at time 0."""
    return Verdict(Part(number, Trigger(1, number, 0)), kind, **more)


def test_verdicts_reasons_and_outcomes_are_counted():
    """Each thing counts once, where it belongs."""
    tally = Tally()
    tally.trigger(0)
    tally.verdict(verdict(VerdictKind.UNINSPECTED, reason=Reason.LATE), 10)
    tally.outcome(OutcomeCode.REJECTED)
    snapshot = tally.snapshot()
    assert snapshot.triggers == 1
    assert snapshot.verdicts[VerdictKind.UNINSPECTED] == 1
    assert snapshot.reasons == {"late": 1}
    assert snapshot.outcomes == {OutcomeCode.REJECTED: 1}
    assert snapshot.trigger_to_verdict is None


def test_an_amended_verdict_moves_and_is_not_counted_twice():
    """A PASS that could not be released becomes UNINSPECTED; the sum stays."""
    tally = Tally()
    tally.verdict(verdict(VerdictKind.PASS), 0)
    tally.amend(VerdictKind.PASS, verdict(VerdictKind.UNINSPECTED, reason=Reason.GATE))
    counts = tally.snapshot().verdicts
    assert (counts[VerdictKind.PASS], counts[VerdictKind.UNINSPECTED]) == (0, 1)


def test_times_are_taken_where_they_end():
    """From the trigger and from the frame in hand to the gate lane, the model apart."""
    tally = Tally()
    tally.verdict(verdict(VerdictKind.PASS, ready_ns=4_000_000, invoke_us=3_000), 9_000_000)
    snapshot = tally.snapshot()
    assert snapshot.trigger_to_verdict.p50_ms == 9
    assert snapshot.hand_to_gate.p50_ms == 5
    assert snapshot.overhead.p50_ms == 2
    assert snapshot.invoke.p50_ms == 3


def test_the_rate_is_that_of_the_triggers():
    """Ten parts a second are ten parts a second."""
    tally = Tally()
    for number in range(11):
        tally.trigger(number * 100_000_000)
    assert tally.snapshot().parts_per_s == pytest.approx(10)


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_percentiles_are_ordered(values):
    """p50 <= p90 <= p99 <= worst, all among the values."""
    found = latency(values)
    ladder = [found.p50_ms, found.p90_ms, found.p99_ms, found.worst_ms]
    assert ladder == sorted(ladder)
    assert found.worst_ms == max(values) / 1000


def test_no_values_have_no_percentiles():
    """Nothing measured is said as such."""
    assert latency([]) is None
