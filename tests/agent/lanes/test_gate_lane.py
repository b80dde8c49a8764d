"""The gate lane: who is let through, who is not, and who is told."""

import pytest
from gate_lane_rig import MS, TIMING, Line

from agent.lanes.lane import LaneOverError
from agent.records import (
    Committed,
    Event,
    GateNotice,
    GateOutcome,
    OutcomeCode,
    Part,
    Reason,
    Verdict,
    VerdictKind,
)


@pytest.fixture
def line():
    """Return a fresh line."""
    return Line()


def test_a_pass_is_released_only_after_its_row(line):
    """What is not recorded is not passed: the order follows the commit, with its expiry."""
    part = line.trigger()
    (verdict,) = line.verdict(part)[1:]
    assert line.gate.orders == []
    line.commit(verdict)
    (order,) = line.gate.orders
    assert (order.boot, order.part) == (1, 1)
    assert order.expiry_ns == TIMING.window(part.trigger.at_ns)[0]


def test_a_pass_is_ordered_once(line):
    """The same word twice gives one order."""
    (verdict,) = line.verdict(line.trigger())[1:]
    line.commit(verdict)
    line.commit(verdict)
    assert len(line.gate.orders) == 1


@pytest.mark.parametrize("kind", [VerdictKind.REJECT, VerdictKind.RECHECK, VerdictKind.UNINSPECTED])
def test_everything_else_needs_no_order(line, kind):
    """The gate at rest rejects."""
    (verdict,) = line.verdict(line.trigger(), kind)[1:]
    line.commit(verdict)
    assert line.gate.orders == []
    assert verdict.kind is kind


def test_a_verdict_at_the_cutoff_is_late(line):
    """From the cut-off on it is UNINSPECTED and goes nowhere near the gate."""
    part = line.trigger()
    line.clock.advance(TIMING.cutoff_ns(0))
    (verdict,) = line.verdict(part)[1:]
    assert (verdict.kind, verdict.reason) == (VerdictKind.UNINSPECTED, Reason.LATE)
    line.commit(verdict)
    assert line.gate.orders == []


def test_a_commit_at_the_cutoff_takes_the_pass_back(line):
    """A slow disk makes a part late, not passed: its row is written anew."""
    (verdict,) = line.verdict(line.trigger())[1:]
    line.clock.advance(TIMING.cutoff_ns(0))
    line.commit(verdict)
    assert line.gate.orders == []
    (amended,) = line.written()
    assert (amended.kind, amended.reason, amended.score) == (
        VerdictKind.UNINSPECTED, Reason.LATE, 0.1,
    )  # fmt: skip


def test_a_gate_that_does_not_take_the_order_makes_the_part_uninspected(line):
    """Host and gate say the same of a part."""
    (verdict,) = line.verdict(line.trigger())[1:]
    line.gate.takes_orders = False
    line.commit(verdict)
    (amended,) = line.written()
    assert amended.reason is Reason.GATE


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (OutcomeCode.LATE_REFUSED, Reason.LATE),
        (OutcomeCode.TOO_CLOSE, Reason.TOO_CLOSE),
        (OutcomeCode.NO_HEARTBEAT, Reason.GATE),
        (OutcomeCode.REJECTED, Reason.GATE),
        (OutcomeCode.FAULT, Reason.GATE),
        (OutcomeCode.BELT_STOP, Reason.BELT_STOP),
        (OutcomeCode.BELT_SPEED, Reason.BELT_SPEED),
        (OutcomeCode.BELT_BACK, Reason.BELT_BACK),
    ],
)
def test_the_controllers_word_on_a_pass_counts(line, code, reason):
    """A part that was to pass and did not is UNINSPECTED, with the reason the gate had."""
    (verdict,) = line.verdict(line.trigger())[1:]
    line.commit(verdict)
    amended, outcome = line.outcome(code=code)
    assert (amended.kind, amended.reason) == (VerdictKind.UNINSPECTED, reason)
    assert outcome.code is code


def test_a_pass_that_was_never_released_is_late(line):
    """Its row was not durable in time: the gate rejected as it should and is not to blame."""
    line.verdict(line.trigger())
    amended, outcome = line.outcome(code=OutcomeCode.REJECTED)
    assert (amended.kind, amended.reason) == (VerdictKind.UNINSPECTED, Reason.LATE)
    assert outcome.code is OutcomeCode.REJECTED


def test_a_part_that_reached_the_gate_unjudged_is_late(line):
    """Its verdict is settled then, and one that still comes is dropped."""
    part = line.trigger()
    line.written()
    late, outcome = line.outcome(code=OutcomeCode.REJECTED)
    assert (late.reason, outcome.code) == (Reason.LATE, OutcomeCode.REJECTED)
    assert line.verdict(part) == []
    assert line.lane.in_flight == 0


def test_a_missing_report_completes_the_part_as_unknown(line):
    """When the gate never reports, the row is completed after a while."""
    (verdict,) = line.verdict(line.trigger())[1:]
    line.commit(verdict)
    line.clock.advance(TIMING.window(0)[1] + 1_000_000_001)
    line.lane.step()
    (outcome,) = line.written()
    assert outcome.code is OutcomeCode.UNKNOWN
    assert line.lane.in_flight == 0


def test_two_parts_in_one_window_are_both_refused(line):
    """A PASS already decided for the first is taken back."""
    first = line.trigger(1)
    (verdict,) = line.verdict(first)[1:]
    line.clock.advance(5 * MS)
    assert line.trigger(2) is None
    reasons = {item.part.seq: item.reason for item in line.written() if isinstance(item, Verdict)}
    assert reasons == {1: Reason.TOO_CLOSE, 2: Reason.TOO_CLOSE}
    line.commit(verdict)
    assert line.gate.orders == []


def test_once_a_part_is_allowed_only_the_controller_takes_it_back(line):
    """Host and controller may measure a gap at the bound differently: the gate's word counts."""
    (verdict,) = line.verdict(line.trigger(1))[1:]
    line.commit(verdict)
    line.clock.advance(5 * MS)
    line.trigger(2)
    refused = [item for item in line.written() if isinstance(item, Verdict)]
    assert [item.part.seq for item in refused] == [2]
    (outcome,) = line.outcome(1, OutcomeCode.PASSED)
    assert outcome.code is OutcomeCode.PASSED
    assert line.tally.snapshot().verdicts[VerdictKind.PASS] == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda line: setattr(line, "ready", False), Reason.NOT_READY),
        (lambda line: setattr(line.lane, "draining", True), Reason.STOPPING),
        (lambda line: [line.parts.put(None) for _ in range(10)], Reason.OVERLOAD),
    ],
)
def test_a_part_that_will_not_be_judged_is_counted_at_once(line, change, reason):
    """Not ready, stopping or overloaded: one row, UNINSPECTED, with the reason."""
    change(line)
    line.trigger()
    opened, verdict = line.written()
    assert isinstance(opened, Part)
    assert (verdict.kind, verdict.reason) == (VerdictKind.UNINSPECTED, reason)


def test_a_part_from_before_the_start_is_uninspected(line):
    """Nothing is carried over a restart: the controller's old triggers get their row, no more."""
    assert line.trigger(at_ns=line.clock.now_ns() - 10**9) is None
    assert line.written()[1].reason is Reason.RESTART


def test_a_trigger_that_came_too_late_is_not_judged(line):
    """A trigger that the line delivered after its own cut-off is late."""
    line.clock.advance(10**9)
    assert line.trigger(at_ns=line.clock.now_ns() - TIMING.cutoff_ns(0)) is None
    assert line.written()[1].reason is Reason.LATE


def test_only_what_is_committed_is_confirmed_to_the_controller(line):
    """Triggers and outcomes are repeated until their row is durable."""
    part = line.trigger()
    assert line.gate.confirmed == []
    outcome = GateOutcome(1, 1, OutcomeCode.REJECTED, 0)
    line.committed.put(Committed((part,), (), (outcome,)))
    line.lane.step()
    assert line.gate.confirmed == [part.trigger, outcome]


def test_a_notice_becomes_an_event_and_the_state(line):
    """What happens to the gate is told in words."""
    line.gate.events.append(GateNotice("gate_lost", "the cable is out"))
    line.lane.step()
    (event,) = line.written()
    assert isinstance(event, Event)
    assert line.lane.state == "the cable is out"
    line.gate.events.append(GateNotice("gate_back", "in step again"))
    line.lane.step()
    assert line.lane.state == "in step"


def test_at_the_end_no_part_is_left_without_a_word(line):
    """Stopping closes the gate and completes what was still on its way."""
    line.trigger(1)
    line.clock.advance(100 * MS)
    (verdict,) = [item for item in line.verdict(line.trigger(2)) if isinstance(item, Verdict)]
    assert verdict.kind is VerdictKind.PASS
    line.lane.end()
    assert line.gate.closed
    items = line.written()
    assert [item.code for item in items if isinstance(item, GateOutcome)] == [
        OutcomeCode.UNKNOWN
    ] * 2
    assert {item.reason for item in items if isinstance(item, Verdict)} == {Reason.STOPPING}
    assert sum(line.tally.snapshot().verdicts.values()) == 2


def test_a_recorder_that_takes_nothing_is_a_fault_not_a_loss():
    """A full recorder raises, so that the lane is seen to fail and the part is not confirmed."""
    line = Line(room=0)
    with pytest.raises(LaneOverError):
        line.trigger()
    assert line.gate.confirmed == []


def test_the_stop_waits_for_the_parts_that_came_before_it(line):
    """Those that come while the line drains are diverted, and nobody waits for them."""
    line.trigger(1)
    line.trigger(2)
    assert (line.lane.unfinished, line.lane.in_flight) == (2, 2)
    line.lane.draining = True
    line.clock.advance(TIMING.min_pitch_ns)
    assert line.trigger(3) is None
    assert (line.lane.unfinished, line.lane.in_flight) == (2, 3)


def test_an_outcome_of_a_part_that_nobody_knows_is_recorded_and_judges_nobody(line):
    """Repeated by the controller after our restart: its row may still wait for it."""
    (outcome,) = line.outcome(number=7, code=OutcomeCode.PASSED)
    assert outcome.part == 7
    assert sum(line.tally.snapshot().verdicts.values()) == 0


def test_an_outcome_that_nobody_reported_is_not_confirmed(line):
    """The controller may still have it, and would forget it."""
    unknown = GateOutcome(1, 1, OutcomeCode.UNKNOWN, 0)
    passed = GateOutcome(1, 2, OutcomeCode.PASSED, 0)
    line.committed.put(Committed((), (), (unknown, passed)))
    line.lane.step()
    assert line.gate.confirmed == [passed]
