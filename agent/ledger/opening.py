"""Opens the ledger's file: refuses what is not ours, begins anew, settles what a crash left."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.errors import LedgerError
from agent.ledger.disk import LEDGER_NAME, set_aside, sync_folder
from agent.ledger.schema import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    TABLES,
    connect,
    create,
    pragma,
    tables,
    transaction,
)
from agent.ledger.sequence import BLOCK, Marks, read_marks

# Counted in SQL: bytes of a damaged row need not be text.
ACCOUNT = """
SELECT (SELECT count(*) FROM meta WHERE key = 'epoch'
        AND value GLOB '[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]'),
    (SELECT count(*) FROM tally WHERE typeof(count) = 'integer' AND name IN
        ('PASS', 'REJECT', 'RECHECK', 'UNINSPECTED', 'pending', 'published', 'deleted'))
"""
WHOLE_ACCOUNT = (1, 7)


@dataclass(frozen=True, slots=True)
class Opened:
    """A ledger's file ready for its writer; `findings` are (kind, text) of what was not right."""

    writer: sqlite3.Connection
    epoch: str
    host_boot: int
    marks: Marks
    highest: int
    findings: tuple[tuple[str, str], ...]


def open_file(
    folder: Path, clock: Clock, host_boot: str, *, checkpoint_pages: int, trusted: bool
) -> Opened:
    """Open the ledger in `folder` for writing. Raises LedgerError.

    The -wal may grow to `checkpoint_pages`. `trusted` skips the slow check of all pages after a
    clean stop.
    """
    path = folder / LEDGER_NAME
    marks = read_marks(folder)
    findings: list[tuple[str, str]] = []
    try:
        skip_pages = trusted and marks is not None and marks.clean
        fault = _fault(path, expected=marks is not None, all_pages=not skip_pages)
        if fault:
            aside = set_aside(folder, clock.wall_ns())
            findings.append(
                ("ledger_aside", f"the ledger {fault}; it lies in {aside.name}, a new one is begun")
            )
        writer = connect(path, synchronous="FULL", checkpoint_pages=checkpoint_pages)
        return _open_sound(writer, path, marks, host_boot, findings)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"cannot open the ledger {path}: {error}") from error


def _fault(path: Path, *, expected: bool, all_pages: bool) -> str:
    """Say what makes a file unfit; empty for a sound ledger and for one that is yet to be made.

    A database whose file was emptied or whose -wal is gone opens without complaint and lacks
    its tables: where marks say that a ledger was here, that is a fault too.
    """
    if not path.exists():
        return "is gone" if expected else ""
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    try:
        found, version = pragma(connection, "application_id"), pragma(connection, "user_version")
        names = tables(connection)
        if not found and not names and not expected:
            return ""
        if found == APPLICATION_ID and version > SCHEMA_VERSION:
            raise LedgerError(f"the ledger {path} was written by a newer linewarden: install that")
        if found != APPLICATION_ID or not names >= TABLES:
            return "is no ledger of linewarden or lacks its tables"
        if connection.execute(ACCOUNT).fetchone() != WHOLE_ACCOUNT:
            return "has lost its epoch or its running account"
        check = connection.execute("PRAGMA quick_check(1)").fetchone() if all_pages else ("ok",)
        return "" if check[0] == "ok" else f"is damaged ({str(check[0])[:100]})"
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            return f"is damaged ({error})"
        raise
    finally:
        connection.close()


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Tell damage from a disk that fails: OperationalError is a DatabaseError as well."""
    return not isinstance(error, sqlite3.OperationalError) or "malformed" in str(error)


def _open_sound(
    writer: sqlite3.Connection,
    path: Path,
    marks: Marks | None,
    host_boot: str,
    findings: list[tuple[str, str]],
) -> Opened:
    try:
        if not tables(writer):
            create(writer, secrets.token_hex(4))
            sync_folder(path.parent)
        epoch = str(writer.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
        highest = int(writer.execute("SELECT coalesce(max(seq), 0) FROM part").fetchone()[0])
        known = _known(marks, epoch, highest, findings)
        writer.execute("INSERT OR IGNORE INTO host_boot (boot) VALUES (?)", (host_boot,))
        row = writer.execute("SELECT id FROM host_boot WHERE boot = ?", (host_boot,)).fetchone()
    except (OSError, sqlite3.Error):
        writer.close()
        raise
    return Opened(writer, epoch, int(row[0]), known, highest, tuple(findings))


def _known(marks: Marks | None, epoch: str, highest: int, findings: list[tuple[str, str]]) -> Marks:
    """Bring ledger and marks together; what they do not agree on becomes a finding."""
    if marks is None:
        # Without marks nobody knows how many numbers were given out: leave a whole block free.
        reserved = highest + BLOCK if highest else 0
        if highest:
            findings.append(("ledger_marks", "the ledger's sequence.json was missing or damaged"))
        return Marks(epoch, reserved=reserved, committed=highest)
    if marks.epoch != epoch:
        return Marks(epoch, reserved=max(marks.reserved, marks.committed), committed=highest)
    if marks.committed > highest:
        text = f"rows {highest + 1} to {marks.committed} were recorded and are gone"
        findings.append(("ledger_gap", text))
    reserved = max(marks.reserved, marks.committed, highest)
    return Marks(epoch, reserved, max(marks.committed, highest), marks.published, marks.clean)


def settle(opened: Opened, at_ns: int, wall_ns: int) -> int:
    """Settle what an earlier life left and note the findings, in one transaction.

    Parts in flight then are UNINSPECTED; rows that the broker has acknowledged are not sent
    again. Returns the number of parts that were in flight. Raises sqlite3.Error.
    """
    return transaction(opened.writer, lambda: _settled(opened, at_ns, wall_ns))


def _settled(opened: Opened, at_ns: int, wall_ns: int) -> int:
    writer, published = opened.writer, (opened.marks.published,)
    in_flight = writer.execute(
        "UPDATE part SET reason = 'restart' WHERE complete = 0 AND reason = 'pending'"
    ).rowcount
    writer.execute("UPDATE part SET outcome = 'unknown' WHERE complete = 0 AND outcome = ''")
    writer.execute("UPDATE part SET complete = 1 WHERE complete = 0 AND seq <= ?", published)
    writer.execute("UPDATE part SET published = 1 WHERE published = 0 AND seq <= ?", published)
    findings = list(opened.findings)
    if in_flight:
        findings.append(("restart", f"{in_flight} parts were in flight and are UNINSPECTED"))
    note(writer, opened.host_boot, findings, at_ns, wall_ns)
    return in_flight


def note(
    writer: sqlite3.Connection,
    host_boot: int,
    findings: Sequence[tuple[str, str]],
    at_ns: int,
    wall_ns: int,
) -> None:
    """Write findings as events, within the caller's transaction. Raises sqlite3.Error."""
    writer.executemany(
        "INSERT OR IGNORE INTO event (host_boot, at_ns, wall_ns, kind, text) VALUES (?,?,?,?,?)",
        [(host_boot, at_ns, wall_ns, kind, text) for kind, text in findings],
    )
