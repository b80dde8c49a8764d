"""A part that its own PASS let through keeps it, though the agent was killed before it heard so."""

from pathlib import Path

import pytest

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
