"""Applies one batch of writes to the ledger, within its writer's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from agent.ledger import rules
from agent.ledger.rows import AddEvent, LedgerWrite, OpenPart, SetOutcome, SetVerdict, Written
from agent.ledger.rules import RowState
from agent.records import GateOutcome, OutcomeCode, Part, Reason, Verdict, VerdictKind

FIND = """
SELECT seq, verdict, reason, outcome, complete, host_boot, at_ns, turn FROM part
WHERE boot = ? AND gate_part = ? ORDER BY turn DESC LIMIT 1
"""
OPEN = """
INSERT INTO part (seq, boot, gate_part, turn, host_boot, at_ns, wall_ns, clock_ok)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
JUDGE = """
UPDATE part SET verdict = ?, reason = ?, complete = ?, score = ?, model = ?, frame_ns = ?,
    ready_ns = ?, judged_ns = ?, prepare_us = ?, invoke_us = ?,
    picture = iif(? = '', picture, ?)
WHERE seq = ?
"""
REPORT = """
UPDATE part SET verdict = ?, reason = ?, complete = ?, outcome = ?, outcome_ns = ? WHERE seq = ?
"""
NOTE = """
INSERT OR IGNORE INTO event (host_boot, at_ns, wall_ns, kind, text) VALUES (?, ?, ?, ?, ?)
"""


def apply_batch(
    writer: sqlite3.Connection, host_boot: int, batch: Sequence[LedgerWrite]
) -> Written:
    """Write a batch in its order; all of it may come a second time. Raises sqlite3.Error."""
    applying = _Applying(writer, host_boot)
    for write in batch:
        if isinstance(write, OpenPart):
            applying.open_part(write)
        elif isinstance(write, SetVerdict):
            applying.set_verdict(write)
        elif isinstance(write, SetOutcome):
            applying.set_outcome(write.outcome)
        else:
            applying.add_event(write)
    return applying.written()


class _Applying:
    """One batch on its way into the tables, with the answers it gathers.

    A part is found by its controller's numbers, never by ours: after a restart the controller
    repeats a trigger whose row has another sequence number already.
    """

    def __init__(self, writer: sqlite3.Connection, host_boot: int) -> None:
        self._writer = writer
        self._host_boot = host_boot
        self._parts: list[Part] = []
        self._verdicts: list[Verdict] = []
        self._outcomes: list[GateOutcome] = []
        self._refused_verdicts: list[Verdict] = []
        self._refused_outcomes: list[GateOutcome] = []
        self._unknown_outcomes: list[GateOutcome] = []

    def written(self) -> Written:
        return Written(
            tuple(self._parts),
            tuple(self._verdicts),
            tuple(self._outcomes),
            tuple(self._refused_verdicts),
            tuple(self._refused_outcomes),
            tuple(self._unknown_outcomes),
        )

    def open_part(self, write: OpenPart) -> None:
        part, trigger = write.part, write.part.trigger
        self._parts.append(part)
        row = self._writer.execute(FIND, (trigger.boot, trigger.part)).fetchone()
        if row is not None and rules.same_part(
            trigger.at_ns,
            row[6],
            same_host_boot=row[5] == self._host_boot,
            complete=bool(row[4]),
        ):
            return
        turn = 0 if row is None else row[7] + 1
        values = (part.seq, trigger.boot, trigger.part, turn, self._host_boot, trigger.at_ns)
        self._writer.execute(OPEN, (*values, write.wall_ns, int(write.clock_ok)))

    def set_verdict(self, write: SetVerdict) -> None:
        verdict = write.verdict
        seq, before = self._find(verdict.part.trigger.boot, verdict.part.trigger.part)
        after = before and rules.judged(before, verdict.kind, verdict.reason)
        if after is None:
            self._refused_verdicts.append(verdict)
            return
        self._verdicts.append(verdict)
        if after == before and after.reason is not Reason.PENDING:
            return
        times = (verdict.frame_ns, verdict.ready_ns, verdict.judged_ns)
        values = (after.verdict.value, after.reason.value, int(after.complete), verdict.score)
        cost = (verdict.prepare_us, verdict.invoke_us)
        picture = (write.picture, write.picture)
        self._writer.execute(JUDGE, (*values, verdict.model, *times, *cost, *picture, seq))

    def set_outcome(self, outcome: GateOutcome) -> None:
        seq, before = self._find(outcome.boot, outcome.part)
        if before is None:
            self._unknown_outcomes.append(outcome)
            return
        after = rules.reported(before, outcome.code)
        if after is None:
            self._refused_outcomes.append(outcome)
            return
        self._outcomes.append(outcome)
        if after == before:
            return
        values = (after.verdict.value, after.reason.value, int(after.complete))
        self._writer.execute(REPORT, (*values, outcome.code.value, outcome.at_ns, seq))

    def add_event(self, write: AddEvent) -> None:
        event = write.event
        # A file name in it may hold bytes that are no text.
        text = event.text.encode("utf-8", "replace").decode("utf-8")
        values = (self._host_boot, event.at_ns, write.wall_ns, event.kind, text)
        self._writer.execute(NOTE, values)

    def _find(self, boot: int, gate_part: int) -> tuple[int, RowState | None]:
        row = self._writer.execute(FIND, (boot, gate_part)).fetchone()
        if row is None:
            return 0, None
        outcome = OutcomeCode(row[3]) if row[3] else None
        state = RowState(VerdictKind(row[1]), Reason(row[2]), outcome, bool(row[4]))
        return int(row[0]), state
