"""Any order of writes, restarts and publishing agrees with a plain model of the ledger's rules."""

from __future__ import annotations

import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_line import Line

from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict
from agent.records import (
    GateOutcome,
    OutcomeCode,
    Part,
    Reason,
    Trigger,
    Verdict,
    VerdictKind,
)

KINDS = st.sampled_from(list(VerdictKind))
CODES = st.sampled_from(list(OutcomeCode))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.integers(0, 6)),
        st.tuples(st.just("judge"), st.integers(0, 6), KINDS),
        st.tuples(st.just("report"), st.integers(0, 6), CODES),
        st.tuples(st.just("publish"), st.integers(1, 4)),
        st.just(("commit",)),
        st.just(("restart",)),
    ),
    max_size=30,
)

TAKEN_BACK = {
    OutcomeCode.LATE_REFUSED: "late",
    OutcomeCode.TOO_CLOSE: "too_close",
    OutcomeCode.NO_HEARTBEAT: "gate",
    OutcomeCode.FAULT: "gate",
    OutcomeCode.REJECTED: "gate",
    OutcomeCode.BELT_STOP: "belt_stop",
    OutcomeCode.BELT_SPEED: "belt_speed",
    OutcomeCode.BELT_BACK: "belt_back",
}


class Model:
    """The ledger in a dict: what the rules say, written a second time and simply."""

    def __init__(self) -> None:
        self.rows: dict[int, list[str]] = {}  # part -> [verdict, reason, outcome]
        self.published: set[int] = set()

    def complete(self, part: int) -> bool:
        verdict, reason, outcome = self.rows[part]
        waits = outcome == "" or (verdict == "PASS" and outcome == "unknown")
        return reason != "pending" and not waits and part not in self.open_again

    open_again: frozenset[int] = frozenset()

    def open(self, part: int) -> None:
        self.rows.setdefault(part, ["UNINSPECTED", "pending", ""])

    def judge(self, part: int, kind: VerdictKind) -> None:
        row = self.rows.get(part)
        if row is None or self.complete(part):
            return
        back = kind is VerdictKind.UNINSPECTED and row[0] != "UNINSPECTED"
        if row[1] == "pending" or back:
            row[0] = kind.value
            row[1] = "engine" if kind is VerdictKind.UNINSPECTED else "none"
            self._take_back(row)

    def report(self, part: int, code: OutcomeCode) -> None:
        row = self.rows.get(part)
        if row is None or self.complete(part) or row[2] == code.value:
            return
        if row[2] in {"", "unknown"}:
            row[2] = code.value
            self.open_again = self.open_again - {part}
            self._take_back(row)

    def restart(self) -> None:
        waiting = {part for part in self.rows if not self.complete(part)}
        for part in waiting:
            row = self.rows[part]
            row[1] = "restart" if row[1] == "pending" else row[1]
            row[2] = row[2] or "unknown"
        # What was not complete at the restart waits for the controller's word. A row that had one
        # and only lacked its verdict waits for the stale check.
        self.open_again = frozenset(waiting)

    def publish(self, count: int) -> None:
        for part in self.rows:
            if not self.complete(part) or count == 0:
                return
            if part not in self.published:
                self.published.add(part)
                count -= 1

    @staticmethod
    def _take_back(row: list[str]) -> None:
        if row[0] == "PASS" and row[2] in TAKEN_BACK:
            row[0], row[1] = "UNINSPECTED", TAKEN_BACK[OutcomeCode(row[2])]


@given(STEPS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_order_of_writes_agrees_with_a_plain_model(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple]
) -> None:
    """Batches, repeats, restarts and publishing in any order: rows and balance as the model's."""
    line = Line(tmp_path_factory.mktemp("model"))
    model = Model()
    parts: dict[int, Part] = {}
    batch: list = []

    def commit() -> None:
        line.ledger.write(batch)
        batch.clear()

    for step in [*steps, ("commit",)]:
        if step[0] == "open":
            if step[1] not in parts:
                trigger = Trigger(7, step[1], step[1] * 10**7)
                parts[step[1]] = Part(line.ledger.sequencer.next(), trigger)
            batch.append(OpenPart(parts[step[1]], 0))
            model.open(step[1])
        elif step[0] == "judge" and step[1] in parts:
            reason = Reason.ENGINE if step[2] is VerdictKind.UNINSPECTED else Reason.NONE
            batch.append(SetVerdict(Verdict(parts[step[1]], step[2], reason)))
            model.judge(step[1], step[2])
        elif step[0] == "report":
            batch.append(SetOutcome(GateOutcome(7, step[1], step[2], 0)))
            model.report(step[1], step[2])
        elif step[0] == "publish":
            commit()
            line.ledger.mark_published([row.seq for row in line.ledger.unpublished(step[1])])
            model.publish(step[1])
        elif step[0] == "restart":
            commit()
            line.ledger.close()
            line.open()
            model.restart()
        else:
            commit()
    connection = sqlite3.connect(line.folder / "ledger.sqlite")
    query = "SELECT gate_part, verdict, reason, outcome, published FROM part"
    rows = {row[0]: list(row[1:4]) for row in connection.execute(query)}
    published = {row[0] for row in connection.execute(query) if row[4]}
    connection.close()
    balance = line.ledger.balance()
    line.ledger.close()
    assert rows == model.rows
    assert published == model.published
    assert balance.holds
    assert balance.triggers == len(rows)
    assert balance.passed == sum(row[0] == "PASS" for row in rows.values())
    assert balance.in_work == sum(row[1] == "pending" for row in rows.values())
