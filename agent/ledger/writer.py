"""The ledger's one writer of parts: batches, stale rows, retention, and room on a full disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from agent.errors import LedgerError
from agent.ledger.apply import apply_batch
from agent.ledger.disk import LEDGER_NAME, Ballast
from agent.ledger.opening import Opened, note, settle
from agent.ledger.rows import Balance, LedgerWrite, OpenPart, Written
from agent.ledger.schema import is_full, pragma, transaction
from agent.ledger.sequence import Reservation

ROOM_BYTES = 1024 * 1024
SLICE_ROWS = 500
# More than a slice of rows frees: a file whose pages were long not given back shrinks bit by bit.
SLICE_PAGES = 256
KEEP_EVENTS = 100_000

WAITING = "SELECT seq, at_ns FROM part WHERE complete = 0 AND reason <> 'pending' ORDER BY seq"
COMPLETE = "UPDATE part SET outcome = 'unknown', complete = 1 WHERE seq = ? AND complete = 0"
# The last row that is published stays: the next one's `prev` names it.
OLDEST = """
DELETE FROM part WHERE seq IN (
    SELECT seq FROM part WHERE published = 1 AND seq < (
        SELECT max(seq) FROM part WHERE seq < coalesce(
            (SELECT min(seq) FROM part WHERE published = 0), 9223372036854775807))
    ORDER BY seq LIMIT ?)
"""
OLDEST_EVENTS = """
DELETE FROM event WHERE number IN (
    SELECT number FROM event WHERE published = 1 AND number <= (SELECT max(number) FROM event) - ?
    ORDER BY number LIMIT ?)
"""

# A ValueError is a row whose text is none of ours: damage that no checksum has seen.
FAULTS = (sqlite3.Error, OSError, ValueError)

T = TypeVar("T")


class Writer:
    """Owns the connection that commits durably. All calls come from the recorder lane."""

    def __init__(
        self,
        folder: Path,
        opened: Opened,
        reservation: Reservation,
        ballast: Ballast,
        writing: threading.Lock,
    ) -> None:
        self._folder = folder
        self._opened = opened
        self._connection = opened.writer
        self._reservation = reservation
        self._ballast = ballast
        self._writing = writing
        self._rows = 0
        self.highest = opened.highest
        self.balance = self._read_balance()

    def settle(self, now_ns: int, wall_ns: int) -> int:
        """Settle what an earlier life left; returns the number of parts that were in flight."""
        with self._writing:
            in_flight = self._guarded(lambda: settle(self._opened, now_ns, wall_ns))
            self.balance = self._read_balance()
        return in_flight

    def note_findings(self, now_ns: int, wall_ns: int) -> None:
        """Note what opening the file has found as events."""
        opened = self._opened
        with self._writing:
            self._guarded(
                lambda: self._transaction(
                    lambda: note(
                        self._connection, opened.host_boot, opened.findings, now_ns, wall_ns
                    )
                )
            )

    def write(self, batch: Sequence[LedgerWrite]) -> Written:
        """Write a batch in one durable transaction. Raises LedgerError: nothing was written."""
        with self._writing:
            try:
                return self._commit(batch)
            except FAULTS as error:
                if not is_full(error):
                    raise self._error(error) from error
                self._make_room()
            return self._guarded(lambda: self._commit(batch))

    def complete_stale(self, before_ns: int, first_seq: int, opened_ns: int) -> int:
        """Complete rows older than `before_ns`; those before `first_seq` are of an earlier life."""
        with self._writing:
            waiting = self._guarded(lambda: self._connection.execute(WAITING).fetchall())
            stale = [
                (seq,)
                for seq, at_ns in waiting
                if (at_ns if seq >= first_seq else opened_ns) < before_ns
            ]
            if stale:
                self._guarded(
                    lambda: self._transaction(lambda: self._connection.executemany(COMPLETE, stale))
                )
        return len(stale)

    def prune(self, keep_rows: int, slice_rows: int) -> int:
        """Delete at most a slice of the oldest published rows beyond `keep_rows`."""
        excess = min(slice_rows, self._rows - keep_rows)
        if excess <= 0:
            return 0
        with self._writing:
            return self._guarded(lambda: self._prune(excess))

    def make_room(self) -> bool:
        """Delete published rows until 1 MiB is free; False when there was nothing to delete."""
        with self._writing:
            return self._make_room()

    def close(self) -> None:
        """Close the connection, whatever state it is in."""
        with self._writing:
            self._connection.close()

    def _commit(self, batch: Sequence[LedgerWrite]) -> Written:
        newest = max((w.part.seq for w in batch if isinstance(w, OpenPart)), default=0)
        if newest > self._reservation.marks.reserved:
            self._reservation.extend(newest)

        def work() -> tuple[Written, Balance]:
            written = apply_batch(self._connection, self._opened.host_boot, batch)
            return written, self._read_balance()

        written, balance = self._transaction(work)
        self.balance = balance
        self.highest = max(self.highest, newest)
        return written

    def _transaction(self, work: Callable[[], T]) -> T:
        return transaction(self._connection, work)

    def _read_balance(self) -> Balance:
        rows = self._connection.execute("SELECT name, count FROM tally").fetchall()
        count: dict[str, int] = dict(rows)
        uninspected = count["UNINSPECTED"] + count["pending"]
        judged = count["PASS"] + count["REJECT"] + count["RECHECK"]
        self._rows = judged + uninspected - count["deleted"]
        return Balance(
            triggers=judged + uninspected,
            passed=count["PASS"],
            rejected=count["REJECT"],
            rechecked=count["RECHECK"],
            uninspected=uninspected,
            in_work=count["pending"],
        )

    def _prune(self, rows: int) -> int:
        connection = self._connection

        def work() -> int:
            connection.execute(OLDEST_EVENTS, (KEEP_EVENTS, rows))
            return connection.execute(OLDEST, (rows,)).rowcount

        deleted = self._transaction(work)
        if deleted:
            self._rows -= deleted
            # A step gives back one page, and `execute` takes one step of a statement without rows.
            connection.executescript(f"PRAGMA incremental_vacuum({SLICE_PAGES})")
        return deleted

    def _make_room(self) -> bool:
        """Use the ballast, since a full disk refuses DELETE and checkpoint as well.

        Moving the -wal alone gives room already: it holds many versions of the same page.
        """
        self._ballast.release()
        page_bytes = pragma(self._connection, "page_size")
        try:
            self._checkpoint()
            before = pragma(self._connection, "page_count")
            while self._prune(SLICE_ROWS):
                self._checkpoint()
                if (before - pragma(self._connection, "page_count")) * page_bytes >= ROOM_BYTES:
                    break
            return before > pragma(self._connection, "page_count")
        except sqlite3.Error:
            return False
        finally:
            self._ballast.restore()

    def _checkpoint(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except FAULTS as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> LedgerError:
        advice = ": free space on its disk" if is_full(error) else ""
        return LedgerError(f"cannot write the ledger {self._folder / LEDGER_NAME}: {error}{advice}")
