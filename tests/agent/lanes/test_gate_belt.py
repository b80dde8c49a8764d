"""The gate lane with a belt: what the controller bars from the start, and windows that wait."""

from __future__ import annotations

import pytest
from gate_lane_rig import MS, Line

from agent.config import document as config
from agent.records import GateNotice, GateOutcome, OutcomeCode, Reason, Trigger, VerdictKind
from agent.schedule import InFlight, Timing

HOUR_NS = 3_600_000 * MS


def by_place():
    """Return a line whose windows are places of the belt."""
    line = Line()
    line.lane._flights = InFlight(Timing.from_config(config.Timing(), by_place=True))
    return line


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (OutcomeCode.BELT_STOP, Reason.BELT_STOP),
        (OutcomeCode.BELT_SPEED, Reason.BELT_SPEED),
        (OutcomeCode.BELT_BACK, Reason.BELT_BACK),
        (OutcomeCode.TOO_CLOSE, Reason.TOO_CLOSE),
    ],
)
def test_a_part_that_is_barred_from_its_edge_on_is_not_looked_at(code, reason):
    """It has its row with the controller's reason, and takes no place in the inspection."""
    line = Line()
    line.gate.events.append(Trigger(1, 1, line.clock.now_ns(), code))
    line.lane.step()
    assert line.parts.take(0) is None
    _part, judged = line.recorder.take_all(0)
    assert (judged.verdict.kind, judged.verdict.reason) == (VerdictKind.UNINSPECTED, reason)
    assert line.gate.orders == []


def test_a_latch_says_more_than_the_belt_that_it_has_stopped():
    """The technician looks for the gate's fault and not for the belt's."""
    line = Line(latches=True)
    line.mode.latch("welded", 1)
    line.gate.events.append(Trigger(1, 1, line.clock.now_ns(), OutcomeCode.BELT_STOP))
    line.lane.step()
    _part, judged = line.recorder.take_all(0)
    assert judged.verdict.reason is Reason.GATE


def test_a_pass_waits_for_its_outcome_as_long_as_the_belt_stands():
    """An hour later the part meets the gate: its row is a PASS, passed."""
    line = by_place()
    (verdict,) = line.verdict(line.trigger())[1:]
    line.commit(verdict)
    line.clock.advance(HOUR_NS)
    line.lane.step()
    assert line.lane.in_flight == 1
    assert line.recorder.take_all(0) == []
    (outcome,) = line.outcome(code=OutcomeCode.PASSED)
    assert isinstance(outcome, GateOutcome)
    assert (outcome.code, line.lane.in_flight) == (OutcomeCode.PASSED, 0)


def test_a_gate_out_of_touch_is_not_waited_for():
    """Lost: the outcome is unknown after its time. Back: the next part is waited for again."""
    line = by_place()
    line.trigger()
    line.gate.events.append(GateNotice("gate_lost", "the cable is out"))
    line.lane.step()
    line.clock.advance(HOUR_NS)
    line.lane.step()
    assert line.lane.in_flight == 0
    assert OutcomeCode.UNKNOWN in {getattr(one, "code", None) for one in line.recorder.take_all(0)}
    line.gate.events.append(GateNotice("gate_back", "it is in again"))
    line.lane.step()
    line.trigger(2)
    line.clock.advance(HOUR_NS)
    line.lane.step()
    assert line.lane.in_flight == 1
