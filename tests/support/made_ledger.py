"""A ledger on disk as an agent leaves it: starts, parts, verdicts, outcomes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from agent.clock import ManualClock
from agent.ledger.rows import AddEvent, OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import open_ledger
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

SECOND_NS = 1_000_000_000
START_WALL_NS = 1_700_000_000 * SECOND_NS  # 2023-11-14T22:13:20Z
KINDS = {"P": VerdictKind.PASS, "R": VerdictKind.REJECT, "C": VerdictKind.RECHECK}


class MadeLedger:
    """A ledger which is filled by strings: P, R, C, U, and `.` for a part still in work."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = ManualClock(1000 * SECOND_NS, START_WALL_NS)
        self.host_boot = "boot-a"
        self.count = 0
        self.ballast_bytes = 4096
        self.ledger = None

    def start(self):
        """Start the agent on it."""
        self.ledger = open_ledger(
            self.folder, self.clock, host_boot=self.host_boot, ballast_bytes=self.ballast_bytes
        )
        self.clock.advance(SECOND_NS)
        event = Event("started", "the agent started", self.clock.now_ns())
        self.ledger.write([AddEvent(event, self.clock.wall_ns())])

    def run(self, letters):
        """Let one part a second go by for each letter."""
        for letter in letters:
            self.part(letter)

    def batch(self, count):
        """Let parts go by whose rows are written in one transaction."""
        writes = []
        for _ in range(count):
            writes += self._writes("R")[1]
        self.ledger.write(writes)

    def part(self, letter):
        part, writes = self._writes(letter)
        self.ledger.write(writes)
        return part

    def _writes(self, letter):
        self.clock.advance(SECOND_NS)
        self.count += 1
        at_ns = self.clock.now_ns()
        part = Part(self.ledger.sequencer.next(), Trigger(7, self.count, at_ns))
        writes = [OpenPart(part, self.clock.wall_ns(), self.clock.wall_ok())]
        if letter != ".":
            kind = KINDS.get(letter, VerdictKind.UNINSPECTED)
            reason = Reason.LATE if letter == "U" else Reason.NONE
            score = None if letter == "U" else 0.25
            verdict = Verdict(
                part, kind, reason, score=score, model="casting 1.0", frame_ns=at_ns + 1_500_000,
                judged_ns=at_ns + 9_000_000, prepare_us=700, invoke_us=3100,
            )  # fmt: skip
            code = OutcomeCode.PASSED if letter == "P" else OutcomeCode.REJECTED
            outcome = GateOutcome(7, self.count, code, at_ns + 400_000_000)
            writes += [SetVerdict(verdict), SetOutcome(outcome)]
        return part, writes

    def note(self, kind, text):
        event = Event(kind, text, self.clock.now_ns())
        self.ledger.write([AddEvent(event, self.clock.wall_ns())])

    def stop(self):
        """Stop the agent."""
        self.ledger.close()

    def edit(self, *statements):
        """Change the file past the ledger's own code and its triggers."""
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as connection:
            for name in ("part_opened", "part_judged", "part_published", "part_deleted"):
                connection.execute(f"DROP TRIGGER IF EXISTS {name}")
            connection.execute("DROP TRIGGER IF EXISTS part_is_final")
            connection.execute("DROP TRIGGER IF EXISTS part_is_kept")
            connection.execute("PRAGMA ignore_check_constraints = ON")
            for statement in statements:
                connection.execute(statement)
            connection.commit()
