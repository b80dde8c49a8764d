"""A ledger, its clock and the controller's count of parts, all in the test's hands."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.clock import ManualClock
from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict, Written
from agent.ledger.store import Ledger, open_ledger
from agent.records import (
    GateOutcome,
    OutcomeCode,
    Part,
    Reason,
    Trigger,
    Verdict,
    VerdictKind,
)

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


class Line:
    """A ledger with a clock that is moved by hand, and a controller's count of parts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(now_ns=1000 * SECOND_NS)
        self.boot = 77
        self.count = 0
        self.host_boot = "boot-a"
        self.ballast_bytes = 4096
        self.ledger = self.open()

    def open(self) -> Ledger:
        self.ledger = open_ledger(
            self.folder, self.clock, host_boot=self.host_boot, ballast_bytes=self.ballast_bytes
        )
        return self.ledger

    def part(self) -> Part:
        """Return a fresh part, 100 ms after the one before."""
        self.clock.advance(SECOND_NS // 10)
        self.count += 1
        trigger = Trigger(self.boot, self.count, self.clock.now_ns())
        return Part(self.ledger.sequencer.next(), trigger)

    def opened(self) -> Part:
        part = self.part()
        self.ledger.write([OpenPart(part, self.clock.wall_ns())])
        return part

    def judge(self, part: Part, kind: VerdictKind, reason: Reason = Reason.NONE) -> Written:
        return self.ledger.write([SetVerdict(Verdict(part, kind, reason, score=0.25, model="m 1"))])

    def report(self, part: Part, code: OutcomeCode) -> Written:
        outcome = GateOutcome(
            part.trigger.boot, part.trigger.part, code, part.trigger.at_ns + SECOND_NS
        )
        return self.ledger.write([SetOutcome(outcome)])

    def complete(self, kind: VerdictKind = VerdictKind.PASS) -> Part:
        part = self.opened()
        reason = Reason.LATE if kind is VerdictKind.UNINSPECTED else Reason.NONE
        self.judge(part, kind, reason)
        passed = kind is VerdictKind.PASS
        self.report(part, OutcomeCode.PASSED if passed else OutcomeCode.REJECTED)
        return part

    def row(self, part: Part) -> sqlite3.Row:
        """Read a part's row past the ledger's own code."""
        with sqlite3.connect(self.folder / "ledger.sqlite") as connection:
            connection.row_factory = sqlite3.Row
            query = "SELECT * FROM part WHERE boot = ? AND gate_part = ? ORDER BY turn DESC"
            row = connection.execute(query, (part.trigger.boot, part.trigger.part)).fetchone()
        connection.close()
        return row

    def counted(self) -> dict[str, int]:
        """Count the verdicts past the ledger's own tally."""
        connection = sqlite3.connect(self.folder / "ledger.sqlite")
        rows = connection.execute("SELECT verdict, count(*) FROM part GROUP BY verdict").fetchall()
        connection.close()
        return dict(rows)
