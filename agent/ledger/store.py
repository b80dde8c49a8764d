"""The ledger: one row for every part, one writer, and the outbox of what the plant must hear."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from agent.clock import Clock
from agent.errors import LedgerError
from agent.ledger.disk import LEDGER_NAME, Ballast, FolderLock, host_boot_id
from agent.ledger.opening import open_file
from agent.ledger.outbox import Outbox
from agent.ledger.rows import Balance, EventRow, LedgerWrite, ResultRow, Written
from agent.ledger.sequence import Reservation, Sequencer
from agent.ledger.writer import SLICE_ROWS, Writer

BALLAST_BYTES = 8 * 1024 * 1024
MARKS_LATEST_NS = 15_000_000_000
STALE_NS = 60_000_000_000
KEEP_ROWS = 2_000_000


def open_ledger(
    folder: Path,
    clock: Clock,
    *,
    host_boot: str | None = None,
    ballast_bytes: int = BALLAST_BYTES,
) -> Ledger:
    """Open the ledger in `folder`, which must be there, and settle what a crash left.

    Raises LedgerError when the folder is missing or read-only, or another process has it open. A
    damaged or foreign file is set aside and a new one begun: an event says so.
    """
    lock = FolderLock(folder)
    try:
        ballast = Ballast(folder, ballast_bytes)
        return Ledger(folder, clock, host_boot or host_boot_id(), ballast, lock)
    except BaseException:
        lock.release()
        raise


class Ledger:
    """The ledger's file while this process has it.

    The recorder lane calls `write`, `maintain` and its parts, `reopen` and `close`; the telemetry
    lane `unpublished...`, `mark...` and `tidy`; `sequencer` belongs to the gate lane; `balance`
    and `backlog` may be asked from anywhere.
    """

    def __init__(
        self, folder: Path, clock: Clock, host_boot: str, ballast: Ballast, lock: FolderLock
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._host_boot = host_boot
        self._ballast = ballast
        self._lock = lock
        self._writing = threading.Lock()
        self._opened_ns = clock.now_ns()
        self._closed = False
        self._open(trusted=True)
        self._first_seq = self._reservation.marks.reserved + 1
        self.sequencer = Sequencer(self._first_seq)
        try:
            self.in_flight_at_start = self._writer.settle(clock.now_ns(), clock.wall_ns())
            self._reservation.extend(self._first_seq)
            self._reservation.note(self._writer.highest, 0)
        except (LedgerError, OSError) as error:
            self._outbox.close()
            self._writer.close()
            raise LedgerError(f"cannot begin in the ledger's folder {folder}: {error}") from error
        ballast.restore()

    def write(self, batch: Sequence[LedgerWrite]) -> Written:
        """Write a batch in one durable transaction; the same batch may come again.

        Raises LedgerError when nothing of it was written: then `reopen`, and write it again.
        """
        written = self._writer.write(batch)
        if self._reservation.due(self._writer.highest, MARKS_LATEST_NS):
            self._save_marks()
        return written

    def maintain(self) -> None:
        """Do what is due in a quiet moment: numbers, marks, stale rows, a slice of retention.

        Raises LedgerError.
        """
        self.extend_reservation()
        self.complete_stale(self._clock.now_ns() - STALE_NS)
        self.prune(KEEP_ROWS)

    def extend_reservation(self) -> bool:
        """Reserve numbers ahead and, every 5 s, note what is committed; False if that failed.

        `write` reserves by itself what is still missing then.
        """
        try:
            if self._reservation.low(self.sequencer.last):
                self._reservation.extend(self.sequencer.last)
        except OSError:
            return False
        return not self._reservation.due(self._writer.highest) or self._save_marks()

    def complete_stale(self, before_ns: int) -> int:
        """Complete judged rows older than `before_ns` which the gate never reported.

        Rows of an earlier life wait as long from the ledger's opening on: their controller
        repeats the outcomes when it is back. Returns how many there were. Raises LedgerError.
        """
        return self._writer.complete_stale(before_ns, self._first_seq, self._opened_ns)

    def prune(self, keep_rows: int, slice_rows: int = SLICE_ROWS) -> int:
        """Delete at most a slice of the oldest published rows beyond `keep_rows`.

        Never what is unpublished. Returns how many went. Raises LedgerError.
        """
        return self._writer.prune(keep_rows, slice_rows)

    def make_room(self) -> bool:
        """Free space on a full disk by deleting published rows; False when there are none.

        `write` does this by itself when the disk is full.
        """
        return self._writer.make_room()

    def reopen(self) -> None:
        """Close the file after an error, check all of it and open it again. Raises LedgerError."""
        self._outbox.close()
        self._writer.close()
        self._open(trusted=False)
        self.sequencer.skip_to(self._writer.highest + 1)
        self._writer.note_findings(self._clock.now_ns(), self._clock.wall_ns())

    def close(self) -> None:
        """Close the ledger, giving back the numbers not used; harmless when it is closed."""
        if self._closed:
            return
        self._closed = True
        sound = self._save_marks()
        self._outbox.close()
        self._writer.close()
        if sound:
            # Without this the next start takes it for a crash: it checks more and skips numbers.
            with suppress(OSError):
                self._reservation.close(max(self.sequencer.last, self._writer.highest))
        self._lock.release()

    def balance(self) -> Balance:
        """Return the account as of the last commit; costs nothing."""
        return self._writer.balance

    def unpublished(self, limit: int, after: int = 0) -> list[ResultRow]:
        """Return unpublished rows beyond `after` in order, none beyond an incomplete one.

        Raises LedgerError, also while the recorder reopens the file.
        """
        return self._outbox.results(limit, after)

    def mark_published(self, seqs: Iterable[int]) -> bool:
        """Note results that the broker has acknowledged; False when they could only be kept."""
        return self._outbox.mark(tuple(seqs))

    def unpublished_events(self, limit: int, after: int = 0) -> list[EventRow]:
        """Return unpublished events numbered beyond `after`, in order. Raises LedgerError."""
        return self._outbox.events(limit, after)

    def mark_events_published(self, numbers: Iterable[int]) -> bool:
        """Note events that the broker has acknowledged; False when they could only be kept."""
        return self._outbox.mark((), tuple(numbers))

    def backlog(self) -> int:
        """Return how many parts have a row that is not published, as far as is known."""
        return self._outbox.backlog()

    def tidy(self) -> bool:
        """Write marks left over and move a large -wal, beside the recorder's commits."""
        return self._outbox.tidy()

    @property
    def findings(self) -> tuple[str, ...]:
        """What was not right when the file was opened, in sentences; each is an event as well."""
        return tuple(text for _, text in self._found)

    def _open(self, *, trusted: bool) -> None:
        opened = open_file(
            self._folder,
            self._clock,
            self._host_boot,
            checkpoint_pages=self._ballast.wal_pages,
            trusted=trusted,
        )
        self._found = opened.findings
        self.epoch = opened.epoch
        self._reservation = Reservation(self._folder, opened.marks, self._clock)
        try:
            self._writer = Writer(
                self._folder, opened, self._reservation, self._ballast, self._writing
            )
            self._outbox = Outbox(
                self._folder / LEDGER_NAME, opened.host_boot, self._ballast, self._writing
            )
        except (LedgerError, sqlite3.Error) as error:
            opened.writer.close()
            raise LedgerError(f"cannot open the ledger in {self._folder}: {error}") from error

    def _save_marks(self) -> bool:
        try:
            self._reservation.note(self._writer.highest, self._outbox.published_up_to())
        except (LedgerError, OSError):
            return False
        return True
