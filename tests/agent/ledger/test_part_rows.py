"""A part's row from its trigger to its outcome: the balance holds, and what may change in it."""

from __future__ import annotations

import sqlite3

import pytest
from ledger_line import MINUTE_NS, Line

from agent.errors import LedgerError
from agent.ledger.rows import AddEvent, OpenPart, SetOutcome, SetVerdict
from agent.records import (
    Event,
    GateOutcome,
    OutcomeCode,
    Part,
    Reason,
    Trigger,
    Verdict,
    VerdictKind,
)


def test_a_part_is_uninspected_until_it_is_judged(line: Line) -> None:
    """The balance holds in SQL from the trigger on."""
    part = line.opened()
    row = line.row(part)
    assert (row["verdict"], row["reason"], row["complete"]) == ("UNINSPECTED", "pending", 0)
    balance = line.ledger.balance()
    assert (balance.triggers, balance.uninspected, balance.in_work) == (1, 1, 1)
    assert balance.holds


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_each_verdict_is_counted_once(line: Line, kind: VerdictKind) -> None:
    """The triggers are PASS + REJECT + RECHECK + UNINSPECTED for every kind."""
    line.complete(kind)
    balance = line.ledger.balance()
    counts = (balance.passed, balance.rejected, balance.rechecked, balance.uninspected)
    assert dict(zip(VerdictKind, counts, strict=True))[kind] == 1
    assert sum(counts) == balance.triggers == 1
    assert balance.in_work == 0


def test_a_repeated_trigger_keeps_its_first_row(line: Line) -> None:
    """A controller that repeats a trigger after our restart makes no second part."""
    part = line.opened()
    again = Part(line.ledger.sequencer.next(), part.trigger)
    written = line.ledger.write([OpenPart(again, 0)])
    assert written.parts == (again,)  # the controller may stop repeating it
    assert line.row(part)["seq"] == part.seq
    assert line.ledger.balance().triggers == 1
    verdict = Verdict(again, VerdictKind.PASS)
    assert line.ledger.write([SetVerdict(verdict)]).verdicts == (verdict,)
    assert line.row(part)["verdict"] == "PASS"


def test_a_controller_that_counted_its_boots_round_is_not_taken_for_a_repeat(line: Line) -> None:
    """The same 16-bit boot and part number much later is another part, with its own row."""
    first = line.complete()
    line.clock.advance(MINUTE_NS)
    line.count = 0
    second = line.opened()
    assert second.trigger.part == first.trigger.part
    assert line.ledger.balance().triggers == 2
    line.judge(second, VerdictKind.REJECT)
    line.report(second, OutcomeCode.REJECTED)
    assert line.counted() == {"PASS": 1, "REJECT": 1}


def test_after_a_reboot_of_the_host_an_unfinished_row_is_the_same_part(line: Line) -> None:
    """Monotonic times do not compare; what the controller still repeats has an open row."""
    unfinished, finished = line.opened(), line.complete()
    line.ledger.close()
    line.host_boot = "boot-b"
    line.open()
    now_ns = line.clock.now_ns()
    for part in (unfinished, finished):
        trigger = Trigger(part.trigger.boot, part.trigger.part, now_ns)
        line.ledger.write([OpenPart(Part(line.ledger.sequencer.next(), trigger), 0)])
    assert line.ledger.balance().triggers == 3  # only the finished one's numbers came anew


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (OutcomeCode.LATE_REFUSED, "late"),
        (OutcomeCode.TOO_CLOSE, "too_close"),
        (OutcomeCode.NO_HEARTBEAT, "gate"),
        (OutcomeCode.FAULT, "gate"),
        (OutcomeCode.REJECTED, "gate"),
    ],
)
def test_a_pass_which_the_gate_did_not_obey_is_taken_back(
    line: Line, code: OutcomeCode, reason: str
) -> None:
    """Host and controller never differ; the score stays for the engineer."""
    part = line.opened()
    line.judge(part, VerdictKind.PASS)
    line.report(part, code)
    row = line.row(part)
    assert (row["verdict"], row["reason"]) == ("UNINSPECTED", reason)
    assert (row["score"], row["model"], row["complete"]) == (0.25, "m 1", 1)
    assert line.ledger.balance().uninspected == 1


def test_a_pass_judged_after_its_rejection_is_taken_back_at_once(line: Line) -> None:
    """Verdict and outcome may come in either order."""
    part = line.opened()
    line.report(part, OutcomeCode.LATE_REFUSED)
    assert line.row(part)["complete"] == 0
    line.judge(part, VerdictKind.PASS)
    row = line.row(part)
    assert (row["verdict"], row["reason"], row["complete"]) == ("UNINSPECTED", "late", 1)


def test_a_verdict_may_only_be_taken_back(line: Line) -> None:
    """What was decided is not decided again, in particular never towards PASS."""
    part = line.opened()
    line.judge(part, VerdictKind.REJECT)
    assert line.judge(part, VerdictKind.PASS).refused_verdicts
    assert line.judge(part, VerdictKind.UNINSPECTED, Reason.LATE).verdicts
    assert line.judge(part, VerdictKind.PASS).refused_verdicts
    assert line.row(part)["reason"] == "late"


def test_a_complete_row_never_changes(line: Line) -> None:
    """Its result may be on its way to the plant already."""
    part = line.complete()
    assert line.judge(part, VerdictKind.UNINSPECTED, Reason.LATE).refused_verdicts
    assert line.report(part, OutcomeCode.FAULT).refused_outcomes
    assert line.row(part)["verdict"] == "PASS"


def test_sql_itself_refuses_to_alter_a_published_row(line: Line) -> None:
    """Not even a repair by hand can make ledger and plant disagree."""
    part = line.complete()
    line.ledger.mark_published([part.seq])
    connection = sqlite3.connect(line.folder / "ledger.sqlite", isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError, match="not altered"):
        connection.execute("UPDATE part SET verdict = 'REJECT', reason = 'none'")
    connection.close()


def test_what_has_no_row_is_refused(line: Line) -> None:
    """A verdict without a row is not in `verdicts`: it must not be released."""
    part = line.part()
    assert line.judge(part, VerdictKind.PASS).refused_verdicts
    assert line.report(part, OutcomeCode.PASSED).unknown_outcomes
    assert line.ledger.balance().triggers == 0


def test_the_same_batch_may_come_twice(line: Line) -> None:
    """After a failed commit the lane writes again by id; a commit that held changes nothing."""
    part = line.part()
    outcome = GateOutcome(part.trigger.boot, part.trigger.part, OutcomeCode.PASSED, 5)
    batch = [
        OpenPart(part, 1),
        SetVerdict(Verdict(part, VerdictKind.PASS), "0/1.jpg"),
        SetOutcome(outcome),
        AddEvent(Event("disk", "full", 9), 10),
    ]
    first = line.ledger.write(batch)
    row = tuple(line.row(part))
    assert line.ledger.write(batch) == first
    assert tuple(line.row(part)) == row
    assert len(line.ledger.unpublished_events(10)) == 1


def test_a_batch_is_written_whole_or_not_at_all(line: Line) -> None:
    """An error in the middle leaves nothing behind, and the ledger goes on."""
    good, bad = line.part(), line.part()
    broken = OpenPart(Part(good.seq, bad.trigger), 0)  # a sequence number twice: no lane does it
    with pytest.raises(LedgerError, match="cannot write the ledger"):
        line.ledger.write([OpenPart(good, 0), broken])
    assert line.ledger.balance().triggers == 0
    line.ledger.write([OpenPart(good, 0)])
    assert line.counted() == {"UNINSPECTED": 1}


def test_a_pass_without_report_waits_and_is_completed_when_stale(line: Line) -> None:
    """The controller may come back and say what it did; after a minute it will not."""
    part = line.opened()
    line.judge(part, VerdictKind.PASS)
    line.report(part, OutcomeCode.UNKNOWN)
    assert line.ledger.unpublished(1) == []
    assert line.ledger.complete_stale(part.trigger.at_ns) == 0
    assert line.ledger.complete_stale(part.trigger.at_ns + 1) == 1
    row = line.ledger.unpublished(1)[0]
    assert (row.verdict, row.outcome) == (VerdictKind.PASS, OutcomeCode.UNKNOWN)


def test_a_repeated_report_still_counts_after_an_unknown_one(line: Line) -> None:
    """UNKNOWN is the host's own word, the controller's is better."""
    part = line.opened()
    line.judge(part, VerdictKind.PASS)
    line.report(part, OutcomeCode.UNKNOWN)
    line.report(part, OutcomeCode.LATE_REFUSED)
    assert line.row(part)["reason"] == "late"


def test_a_part_in_work_is_never_stale(line: Line) -> None:
    """The gate lane gives every part a verdict; nobody else does while it runs."""
    line.opened()
    assert line.ledger.complete_stale(line.clock.now_ns() + MINUTE_NS) == 0
