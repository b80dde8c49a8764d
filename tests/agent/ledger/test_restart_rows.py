"""Rows over a restart: in flight is UNINSPECTED, a PASS that let its part through stays."""

from pathlib import Path

import pytest
from ledger_line import MINUTE_NS, Line

from agent.clock import ManualClock
from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import open_ledger
from agent.records import (
    GateOutcome,
    OutcomeCode,
    Part,
    Reason,
    Trigger,
    Verdict,
    VerdictKind,
)


@pytest.mark.parametrize(
    ("code", "verdict", "reason"),
    [
        (OutcomeCode.PASSED, VerdictKind.PASS, Reason.NONE),
        (OutcomeCode.REJECTED, VerdictKind.UNINSPECTED, Reason.GATE),
    ],
)
def test_a_repeated_trigger_takes_no_verdict_back(tmp_path: Path, code, verdict, reason) -> None:
    """The next life hears the trigger again, knows nothing of the part, and says `restart`."""
    clock = ManualClock(10**9)
    ledger = open_ledger(tmp_path, clock, host_boot="b", ballast_bytes=4096)
    trigger = Trigger(1, 7, clock.now_ns())
    part = Part(ledger.sequencer.next(), trigger)
    ledger.write([OpenPart(part, 0), SetVerdict(Verdict(part, VerdictKind.PASS, score=0.1))])
    ledger.close()
    clock.advance(10**9)
    ledger = open_ledger(tmp_path, clock, host_boot="b", ballast_bytes=4096)
    again = Part(ledger.sequencer.next(), trigger)
    unknown = Verdict(again, VerdictKind.UNINSPECTED, Reason.RESTART)
    ledger.write(
        [
            OpenPart(again, 0),
            SetVerdict(unknown),
            SetOutcome(GateOutcome(1, 7, OutcomeCode.UNKNOWN, 0)),
        ]
    )
    ledger.write([SetOutcome(GateOutcome(1, 7, code, 0))])
    (row,) = ledger.unpublished(10)
    ledger.close()
    assert (row.verdict, row.reason, row.outcome) == (verdict, reason, code)
    assert row.score == 0.1


def test_a_restart_settles_parts_in_flight(line: Line) -> None:
    """In flight is UNINSPECTED; a recorded PASS stays PASS and waits for its outcome."""
    pending, passed = line.opened(), line.opened()
    line.judge(passed, VerdictKind.PASS)
    line.ledger.close()
    line.open()
    assert line.row(pending)["reason"] == "restart"
    row = line.row(passed)
    assert (row["verdict"], row["outcome"], row["complete"]) == ("PASS", "unknown", 0)
    assert line.ledger.in_flight_at_start == 1
    assert [event.kind for event in line.ledger.unpublished_events(9)] == ["restart"]
    line.report(passed, OutcomeCode.PASSED)
    assert line.row(passed)["complete"] == 1


def test_rows_of_an_earlier_life_wait_a_minute_from_the_start(line: Line) -> None:
    """The controller gets time to repeat what it has kept."""
    part = line.opened()
    line.ledger.close()
    line.clock.advance(10 * MINUTE_NS)
    line.open()
    line.ledger.maintain()
    assert line.row(part)["complete"] == 0
    line.clock.advance(MINUTE_NS + 1)
    line.ledger.maintain()
    assert line.row(part)["complete"] == 1


def test_reopening_keeps_parts_in_work(line: Line) -> None:
    """After a disk error the lane opens the ledger again while parts ride on."""
    part = line.opened()
    line.ledger.reopen()
    assert line.row(part)["reason"] == "pending"
    line.judge(part, VerdictKind.PASS)
    assert line.row(part)["verdict"] == "PASS"
    assert line.part().seq == part.seq + 1
