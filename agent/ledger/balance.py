"""The balance from the ledger's file alone: triggers = PASS + REJECT + RECHECK + UNINSPECTED."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from agent.errors import LedgerError
from agent.ledger.reader import Selection, Sessions, check_session, read_sessions, reading
from agent.ledger.rules import TAKEN_BACK
from agent.ledger.sequence import Marks, read_marks
from agent.ledger.wall_labels import WallLabels, read_wall_labels
from agent.records import OutcomeCode, Reason, VerdictKind

ROWS = """
SELECT seq, host_boot, at_ns, wall_ns, clock_ok, verdict, reason, published, outcome
FROM part ORDER BY seq
"""
COUNTED = """
SELECT boot, min(gate_part), max(gate_part), count(DISTINCT gate_part), min(seq)
FROM part GROUP BY boot ORDER BY min(seq)
"""
KINDS = tuple(kind.value for kind in VerdictKind)
# What the gate cannot have done with a part of this verdict: its row would not say so.
CONTRARY = {
    VerdictKind.PASS.value: frozenset(code.value for code in TAKEN_BACK),
    VerdictKind.REJECT.value: frozenset({OutcomeCode.PASSED.value}),
    VerdictKind.RECHECK.value: frozenset({OutcomeCode.PASSED.value}),
}
TALLIED = frozenset({*KINDS, "pending", "published", "deleted"})


@dataclass(frozen=True, slots=True)
class Count:
    """Parts by their verdict; `uninspected` holds the `in_work` too, as everywhere."""

    triggers: int
    passed: int
    rejected: int
    rechecked: int
    uninspected: int
    in_work: int

    @property
    def holds(self) -> bool:
        """Whether every trigger has exactly one verdict."""
        return self.triggers == self.passed + self.rejected + self.rechecked + self.uninspected


@dataclass(frozen=True, slots=True)
class SessionCount:
    """The count of one start of the agent; session 0 is what came before the first one known."""

    session: int
    started_wall_ns: int | None
    count: Count


@dataclass(frozen=True, slots=True)
class BalanceReport:
    """What the file says of its parts, and what in it does not agree.

    `since_begun` counts also what retention has deleted; None for a selection of parts.
    """

    epoch: str
    sessions: tuple[SessionCount, ...]
    total: Count
    since_begun: Count | None
    deleted: int
    unrecorded: int  # parts that the controller has numbered and that have no row
    faults: tuple[str, ...]

    @property
    def balances(self) -> bool:
        """Whether every trigger has one verdict and nothing in the file contradicts it."""
        return not self.faults


@dataclass(slots=True)
class _Seen:
    """What a walk through the rows has counted."""

    sessions: dict[int, Counter[str]] = field(default_factory=dict)
    words: Counter[str] = field(default_factory=Counter)
    published: int = 0
    highest: int = 0
    odd: list[int] = field(default_factory=list)
    contrary: list[int] = field(default_factory=list)

    @property
    def rows(self) -> int:
        return sum(sum(words.values()) for words in self.sessions.values())


def read_balance(path: Path, selection: Selection) -> BalanceReport:
    """Return the balance of the ledger at `path`, its folder or its file. Raises LedgerError.

    The rows are read in one transaction, so that a running agent's next commit falls wholly in
    or out.
    """
    folder = path if path.is_dir() else path.parent
    # Read before the rows: what the marks hold is in the rows already.
    marks = read_marks(folder)
    with reading(path) as connection:
        connection.execute("BEGIN")
        labels = read_wall_labels(connection)
        sessions = read_sessions(connection)
        check_session(sessions, selection)
        tally = _tally(connection)
        epoch = str(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
        seen = _walk(connection, sessions, labels, selection)
        gaps = _gaps(connection, tally["deleted"]) if selection.everything else []
    faults = _row_faults(seen)
    if selection.everything:
        faults += [*_tally_faults(seen, tally), *_mark_faults(seen, epoch, marks)]
        faults += [_gap_text(*gap) for gap in gaps]
    return BalanceReport(
        epoch=epoch,
        sessions=_by_session(seen, sessions),
        total=_count(seen.words),
        since_begun=_count(tally) if selection.everything else None,
        deleted=tally["deleted"],
        unrecorded=sum(last - first + 1 - counted for _, first, last, counted in gaps),
        faults=tuple(faults),
    )


def _tally(connection: sqlite3.Connection) -> Counter[str]:
    tally: Counter[str] = Counter(dict(connection.execute("SELECT name, count FROM tally")))
    if not tally.keys() >= TALLIED:
        raise LedgerError("the ledger's running account is incomplete: its file was altered")
    return tally


def _walk(
    connection: sqlite3.Connection, sessions: Sessions, labels: WallLabels, selection: Selection
) -> _Seen:
    seen = _Seen()
    for row in connection.execute(ROWS):
        seq, host_boot, at_ns, written_ns, clock_ok, verdict, reason, published, outcome = row
        session = sessions.of(host_boot, at_ns)
        wall_ns, _ = labels.part(host_boot, at_ns, written_ns, clock_ok=bool(clock_ok))
        if not selection.holds(wall_ns, session):
            continue
        word = "pending" if reason == Reason.PENDING.value else verdict
        seen.sessions.setdefault(session, Counter())[word] += 1
        seen.words[word] += 1
        seen.published += published
        seen.highest = seq
        inspected = verdict != VerdictKind.UNINSPECTED.value
        if verdict not in KINDS or inspected != (reason == Reason.NONE.value):
            seen.odd.append(seq)
        if outcome in CONTRARY.get(verdict, ()):
            seen.contrary.append(seq)
    return seen


def _count(words: Counter[str]) -> Count:
    judged = [words[kind.value] for kind in VerdictKind]
    passed, rejected, rechecked, uninspected = judged
    in_work = words["pending"]
    others = sum(count for word, count in words.items() if word not in TALLIED)
    return Count(
        triggers=sum(judged) + in_work + others,
        passed=passed,
        rejected=rejected,
        rechecked=rechecked,
        uninspected=uninspected + in_work,
        in_work=in_work,
    )


def _by_session(seen: _Seen, sessions: Sessions) -> tuple[SessionCount, ...]:
    started = {start.number: start.wall_ns for start in sessions.starts}
    return tuple(
        SessionCount(number, started.get(number), _count(seen.sessions[number]))
        for number in sorted(seen.sessions)
    )


def _row_faults(seen: _Seen) -> list[str]:
    kinds = (
        (seen.odd, "have no verdict that fits their reason"),
        (seen.contrary, "have a verdict that does not fit what the gate did"),
    )
    return [
        f"{len(rows)} rows {what}: {', '.join(str(seq) for seq in rows[:5])}"
        for rows, what in kinds
        if rows
    ]


def _tally_faults(seen: _Seen, tally: Counter[str]) -> list[str]:
    """Compare the rows with the running account, which a trigger of the file keeps."""
    faults = []
    deleted = tally["deleted"]
    tallied = sum(tally[word] for word in (*KINDS, "pending"))
    if tallied - deleted != seen.rows:
        faults.append(
            f"{tallied} triggers were counted and {deleted} rows deleted, but {seen.rows} rows "
            "are there"
        )
    for word in (*KINDS, "pending"):
        # Retention deletes published rows, whatever their verdict; a pending one is none.
        most = tally[word] if word == "pending" or not deleted else None
        if seen.words[word] > tally[word] or (most is not None and seen.words[word] != most):
            faults.append(f"{tally[word]} parts were counted as {word}, {seen.words[word]} are")
    if tally["published"] - deleted != seen.published:
        faults.append(
            f"{tally['published']} results were published and {deleted} rows deleted, but "
            f"{seen.published} rows are marked as published"
        )
    return faults


def _mark_faults(seen: _Seen, epoch: str, marks: Marks | None) -> list[str]:
    """Compare the rows with the small file beside the ledger, which notes what was committed."""
    if marks is None or marks.epoch != epoch or marks.committed <= seen.highest:
        return []
    return [f"rows {seen.highest + 1} to {marks.committed} were recorded and are gone"]


def _gaps(connection: sqlite3.Connection, deleted: int) -> list[tuple[int, int, int, int]]:
    """Return (boot, first, last, counted) where the controller has numbered more parts than rows.

    The controller's own count of the parts is the second witness. Where retention cuts, numbers
    may be missing that had a row.
    """
    rows = connection.execute(COUNTED).fetchall()[1 if deleted else 0 :]
    return [tuple(row[:4]) for row in rows if row[2] - row[1] + 1 != row[3]]


def _gap_text(boot: int, first: int, last: int, counted: int) -> str:
    missing = last - first + 1 - counted
    return (
        f"the gate's controller numbered parts {first} to {last} in its boot {boot}, and "
        f"{missing} of them have no row"
    )
