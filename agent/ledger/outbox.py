"""The ledger as outbox: what the broker has not acknowledged yet, and the marks of what it has.

A connection of its own, so that a long backlog never keeps the recorder waiting. Its commits are
not synced one by one: a mark lost in a power cut costs a repeat with the same id, no result.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.errors import LedgerError
from agent.ledger.disk import Ballast
from agent.ledger.rows import EventRow, ResultRow
from agent.ledger.schema import connect, is_full, transaction
from agent.records import OutcomeCode, Reason, VerdictKind

CHECKPOINT_BYTES = 4 * 1024 * 1024

RESULTS = """
SELECT seq, (SELECT max(seq) FROM part AS before WHERE before.seq < part.seq),
    boot, gate_part, host_boot, at_ns, wall_ns, clock_ok,
    verdict, reason, score, model, frame_ns, ready_ns, judged_ns, prepare_us, invoke_us,
    outcome, outcome_ns, picture
FROM part WHERE published = 0 AND seq > ?
    AND seq < coalesce((SELECT min(seq) FROM part WHERE complete = 0), 9223372036854775807)
ORDER BY seq LIMIT ?
"""
EVENTS = """
SELECT number, host_boot, at_ns, wall_ns, kind, text
FROM event WHERE published = 0 AND number > ? ORDER BY number LIMIT ?
"""
BACKLOG = """
SELECT sum(iif(name = 'published', -count, count)) FROM tally WHERE name <> 'deleted'
"""
PUBLISHED_UP_TO = """
SELECT coalesce(max(seq), 0) FROM part WHERE seq < coalesce(
    (SELECT min(seq) FROM part WHERE published = 0), 9223372036854775807)
"""
MARK_RESULT = "UPDATE part SET published = 1 WHERE seq = ? AND published = 0 AND complete = 1"
MARK_EVENT = "UPDATE event SET published = 1 WHERE number = ?"


class Outbox:
    """Results and events in their order, each until it is marked as published.

    `writing` is held around every transaction that writes, here and in the recorder: waiting for
    it is exact, where SQLite would poll.
    """

    def __init__(
        self, path: Path, host_boot: int, ballast: Ballast, writing: threading.Lock
    ) -> None:
        self._path = path
        self._host_boot = host_boot
        self._ballast = ballast
        self._writing = writing
        self._using = threading.Lock()
        self._results: set[int] = set()
        self._events: set[int] = set()
        self._backlog = 0
        try:
            self._connection = connect(path, synchronous="NORMAL", checkpoint_pages=0)
        except sqlite3.Error as error:
            raise self._error("read", error) from error

    def results(self, limit: int, after: int = 0) -> list[ResultRow]:
        """Return unpublished rows beyond `after` in order, none beyond an incomplete one."""
        with self._using:
            rows = self._read(RESULTS, after, limit)
        return [self._result(row) for row in rows if row[0] not in self._results]

    def events(self, limit: int, after: int = 0) -> list[EventRow]:
        """Return unpublished events numbered beyond `after`, in order."""
        with self._using:
            rows = self._read(EVENTS, after, limit)
        return [
            EventRow(row[0], row[1] == self._host_boot, row[2], row[3], row[4], row[5])
            for row in rows
            if row[0] not in self._events
        ]

    def mark(self, results: Sequence[int], events: Sequence[int] = ()) -> bool:
        """Note what the broker has acknowledged; False when that cannot be written now.

        It is then written with the next marks or by `tidy`, and until then the rows are not
        handed out again.
        """
        with self._using:
            self._results.update(results)
            self._events.update(events)
            return self._write_marks()

    def backlog(self) -> int:
        """Return how many parts have a row that is not published, as far as is known."""
        with self._using, suppress(LedgerError):
            self._backlog = int(self._read(BACKLOG)[0][0])
        return self._backlog

    def published_up_to(self) -> int:
        """Return the last row before which, itself included, all are published; 0 for none."""
        with self._using:
            rows = self._read(PUBLISHED_UP_TO)
        return int(rows[0][0])

    def tidy(self) -> bool:
        """Write marks that are left over; move the -wal into the database once it is large.

        False when there was nothing to do, or the disk does not allow it now.
        """
        with self._using, suppress(LedgerError, OSError):
            self._write_marks()
            if self._path.with_name(self._path.name + "-wal").stat().st_size >= CHECKPOINT_BYTES:
                self._read("PRAGMA wal_checkpoint(PASSIVE)")
                return True
        return False

    def close(self) -> None:
        """Close the connection."""
        with self._using:
            self._connection.close()

    def _result(self, row: tuple[Any, ...]) -> ResultRow:
        seq, prev, boot, gate_part, host_boot, at_ns, wall_ns, clock_ok = row[:8]
        verdict, reason, *judgement = row[8:17]
        outcome, outcome_ns, picture = row[17:]
        this_boot = host_boot == self._host_boot
        part = (seq, prev, boot, gate_part, this_boot, at_ns, wall_ns, bool(clock_ok))
        try:
            words = (VerdictKind(verdict), Reason(reason))
            code = OutcomeCode(outcome)
        except ValueError as error:
            raise self._error("read", error) from error
        score, model, frame_ns, ready_ns, judged_ns, prepare_us, invoke_us = judgement
        times = (frame_ns, ready_ns, judged_ns, prepare_us, invoke_us)
        return ResultRow(*part, *words, score, model, *times, code, outcome_ns, picture)

    def _read(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._error("read", error) from error

    def _write_marks(self) -> bool:
        if not self._results and not self._events:
            return True
        with self._writing:
            try:
                self._mark_all()
            except sqlite3.Error as error:
                # Only what is marked may be deleted: on a full disk marks come before the room.
                if not (is_full(error) and self._ballast.release() and self._mark_with_ballast()):
                    return False
        self._results.clear()
        self._events.clear()
        return True

    def _mark_with_ballast(self) -> bool:
        try:
            self._mark_all()
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error:
            return False
        finally:
            self._ballast.restore()
        return True

    def _mark_all(self) -> None:
        def work() -> None:
            self._connection.executemany(MARK_RESULT, [(seq,) for seq in self._results])
            self._connection.executemany(MARK_EVENT, [(number,) for number in self._events])

        transaction(self._connection, work)

    def _error(self, deed: str, error: sqlite3.Error | ValueError) -> LedgerError:
        return LedgerError(f"cannot {deed} the ledger {self._path}: {error}")
