"""The gate lane while a person has set the line to something, or its gate has latched it."""

from __future__ import annotations

import pytest
from gate_lane_rig import MS, TIMING, Line

from agent.line.mode import INSPECTING, Mode, ModeKind
from agent.records import (
    DISAGREES,
    Event,
    GateNotice,
    OutcomeCode,
    Part,
    Reason,
    VerdictKind,
)

PAUSE = Mode(ModeKind.PAUSED, "Anna", "new chute")


def bypass(line, milliseconds=10_000):
    """Let the line pass everything for so long."""
    until_ns = line.clock.now_ns() + milliseconds * MS
    line.mode.change(Mode(ModeKind.BYPASSED, "Anna", "camera away", until_ns=until_ns))


@pytest.fixture
def line():
    """Return a fresh line."""
    return Line()


@pytest.mark.parametrize("latched", [False, True])
def test_a_part_of_a_paused_or_latched_line_has_its_row_and_no_order(line, latched):
    """Whatever the model would say: it is not even asked."""
    if latched:
        line.mode.latch("welded", 1)
    else:
        line.mode.change(PAUSE)
    assert line.trigger() is None
    opened, verdict = line.written()
    assert isinstance(opened, Part)
    assert verdict.kind is VerdictKind.UNINSPECTED
    assert verdict.reason is (Reason.GATE if latched else Reason.PAUSED)
    line.commit(verdict)
    line.outcome(code=OutcomeCode.REJECTED)
    assert line.gate.orders == []


def test_a_pause_takes_back_what_is_not_released_yet(line):
    """Judged before, committed after: the row is written anew and no order goes out."""
    (verdict,) = line.verdict(line.trigger())[1:]
    line.mode.change(PAUSE)
    line.commit(verdict)
    (amended,) = line.written()
    assert (amended.kind, amended.reason) == (VerdictKind.UNINSPECTED, Reason.PAUSED)
    assert line.gate.orders == []


def test_a_part_judged_during_a_pause_is_not_passed(line):
    """It came before the pause and its PASS after."""
    part = line.trigger()
    line.mode.change(PAUSE)
    (verdict,) = line.verdict(part)[1:]
    assert (verdict.kind, verdict.reason) == (VerdictKind.UNINSPECTED, Reason.PAUSED)


def test_a_defective_part_stays_rejected_in_a_pause(line):
    """It was inspected, and it is diverted: nothing is lost by saying so."""
    part = line.trigger()
    line.mode.change(PAUSE)
    (verdict,) = line.verdict(part, VerdictKind.REJECT)[1:]
    assert verdict.kind is VerdictKind.REJECT


def test_after_the_pause_parts_pass_again(line):
    """The next part is inspected as ever."""
    line.mode.change(PAUSE)
    line.mode.change(INSPECTING)
    (verdict,) = line.verdict(line.trigger())[1:]
    line.commit(verdict)
    assert len(line.gate.orders) == 1


def test_a_bypassed_part_passes_only_after_its_row(line):
    """UNINSPECTED, `bypassed`, committed, then one order with the part's own expiry."""
    bypass(line)
    at_ns = line.clock.now_ns()
    assert line.trigger() is None  # the model is not asked
    _opened, verdict = line.written()
    assert (verdict.kind, verdict.reason) == (VerdictKind.UNINSPECTED, Reason.BYPASSED)
    assert line.gate.orders == []
    line.commit(verdict)
    line.commit(verdict)
    (order,) = line.gate.orders
    assert (order.part, order.expiry_ns) == (1, TIMING.window(at_ns)[0])


def test_its_row_stays_uninspected_when_it_has_passed(line):
    """The outcome tells that it went through; the account still adds up."""
    bypass(line)
    line.trigger()
    line.commit(line.written()[1])
    (outcome,) = line.outcome(code=OutcomeCode.PASSED)
    assert outcome.code is OutcomeCode.PASSED
    snapshot = line.tally.snapshot()
    assert snapshot.verdicts[VerdictKind.UNINSPECTED] == snapshot.triggers == 1
    assert snapshot.reasons == {"bypassed": 1}


def test_a_bypass_needs_no_model(line):
    """Its very use is a camera or a model that is away."""
    line.ready = False
    bypass(line)
    line.trigger()
    assert line.written()[1].reason is Reason.BYPASSED


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.clock.advance(50 * MS),
        lambda line: line.mode.change(INSPECTING),
        lambda line: line.mode.change(PAUSE),
        lambda line: line.mode.latch("welded", 1),
        lambda line: setattr(line.lane, "draining", True),
    ],
)
def test_no_part_is_let_by_once_the_bypass_is_over(line, change):
    """Its row says `bypassed`, its outcome that it was diverted."""
    bypass(line, 50)
    line.trigger()
    verdict = line.written()[1]
    change(line)
    line.commit(verdict)
    assert line.gate.orders == []
    (outcome,) = line.outcome(code=OutcomeCode.REJECTED)
    assert outcome.code is OutcomeCode.REJECTED


def test_a_bypassed_part_whose_row_came_too_late_is_diverted(line):
    """The cut-off holds for everybody."""
    bypass(line)
    line.trigger()
    verdict = line.written()[1]
    line.clock.advance(TIMING.cutoff_ns(0))
    line.commit(verdict)
    assert line.gate.orders == []


def test_two_bypassed_parts_in_one_window_are_both_diverted(line):
    """No permission could name one of them alone."""
    bypass(line)
    line.trigger(1)
    first = line.written()[1]
    line.clock.advance(5 * MS)
    line.trigger(2)
    second = line.written()[1]
    assert second.reason is Reason.TOO_CLOSE
    line.commit(first, second)
    assert line.gate.orders == []


def test_a_part_from_before_the_bypass_keeps_its_verdict(line):
    """It was inspected: a defective one is not let through by it."""
    part = line.trigger()
    bypass(line)
    (verdict,) = line.verdict(part, VerdictKind.REJECT)[1:]
    line.commit(verdict)
    assert (verdict.kind, line.gate.orders) == (VerdictKind.REJECT, [])


@pytest.mark.parametrize("latches", [False, True])
def test_a_disagreement_is_told_counted_and_latches_where_configured(latches):
    """The event and the count in any case."""
    line = Line(latches=latches)
    line.gate.events.append(GateNotice(DISAGREES, "part 7 was not seen in the bin"))
    line.lane.step()
    (event,) = line.written()
    assert isinstance(event, Event)
    assert event.kind == "gate_disagrees"
    assert line.tally.snapshot().disagreements == 1
    assert line.mode.at(0).diverts is latches


class Contactor:
    """What a gate is told of the belt."""

    def __init__(self):
        self.told = []

    def let_run(self, *, may_run):
        """Keep it."""
        self.told.append(may_run)


def test_a_latch_stops_the_belt_and_nothing_else_does():
    """A disagreement stops it in the same step; a pause and a bypass do not; a resumption frees."""
    belt = Contactor()
    line = Line(latches=True, belt=belt)
    line.lane.step()
    line.mode.change(PAUSE)
    line.lane.step()
    bypass(line)
    line.lane.step()
    assert belt.told == [True, True, True]
    line.gate.events.append(GateNotice(DISAGREES, "part 7 was not seen in the bin"))
    line.lane.step()
    line.mode.change(PAUSE)  # over a latch it stays one
    line.lane.step()
    line.mode.change(INSPECTING)
    line.lane.step()
    assert belt.told[3:] == [False, False, True]


def test_a_line_that_was_latched_before_never_lets_the_belt_run():
    """The first that the gate hears of an agent that comes back latched is to stop."""
    belt = Contactor()
    line = Line(latches=True, belt=belt)
    line.mode.latch("welded", 1)
    line.lane.step()
    assert belt.told == [False]
