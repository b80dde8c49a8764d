"""The ledger's tables, and how a connection to them is opened."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

APPLICATION_ID = 0x4C575244  # "LWRD"
SCHEMA_VERSION = 1
BUSY_S = 5.0
WAL_KEPT_BYTES = 1024 * 1024  # the -wal shrinks to this when it begins anew
CACHE_KIB = 128  # a connection's; SQLite's own 2 MiB each would fill up over hours

# `tally` keeps the balance: triggers write it in the same transaction as the row, so that it is
# exact at every moment and costs no scan. `turn` tells lives of a controller apart whose 16-bit
# boot number came round again.
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE host_boot (id INTEGER PRIMARY KEY, boot TEXT NOT NULL UNIQUE);

CREATE TABLE part (
    seq INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL,
    gate_part INTEGER NOT NULL,
    turn INTEGER NOT NULL,
    host_boot INTEGER NOT NULL REFERENCES host_boot (id),
    at_ns INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,
    clock_ok INTEGER NOT NULL,
    verdict TEXT NOT NULL DEFAULT 'UNINSPECTED'
        CHECK (verdict IN ('PASS', 'REJECT', 'RECHECK', 'UNINSPECTED')),
    reason TEXT NOT NULL DEFAULT 'pending',
    score REAL,
    model TEXT NOT NULL DEFAULT '',
    frame_ns INTEGER,
    ready_ns INTEGER,
    judged_ns INTEGER,
    prepare_us INTEGER,
    invoke_us INTEGER,
    outcome TEXT NOT NULL DEFAULT '',
    outcome_ns INTEGER,
    picture TEXT NOT NULL DEFAULT '',
    complete INTEGER NOT NULL DEFAULT 0,
    published INTEGER NOT NULL DEFAULT 0,
    UNIQUE (boot, gate_part, turn),
    CHECK ((verdict = 'UNINSPECTED') = (reason <> 'none')),
    CHECK (complete = 0 OR (reason <> 'pending' AND outcome <> '')),
    CHECK (published = 0 OR complete = 1)
);
CREATE INDEX part_unpublished ON part (seq) WHERE published = 0;
CREATE INDEX part_incomplete ON part (seq) WHERE complete = 0;

CREATE TABLE event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    host_boot INTEGER NOT NULL REFERENCES host_boot (id),
    at_ns INTEGER NOT NULL,
    wall_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    published INTEGER NOT NULL DEFAULT 0,
    UNIQUE (host_boot, at_ns, kind, text)
);
CREATE INDEX event_unpublished ON event (number) WHERE published = 0;

CREATE TABLE tally (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO tally VALUES
    ('PASS', 0), ('REJECT', 0), ('RECHECK', 0), ('UNINSPECTED', 0), ('pending', 0),
    ('published', 0), ('deleted', 0);

CREATE TRIGGER part_opened AFTER INSERT ON part BEGIN
    UPDATE tally SET count = count + 1
        WHERE name = iif(NEW.reason = 'pending', 'pending', NEW.verdict);
END;
CREATE TRIGGER part_judged AFTER UPDATE OF verdict, reason ON part
WHEN iif(OLD.reason = 'pending', 'pending', OLD.verdict)
    <> iif(NEW.reason = 'pending', 'pending', NEW.verdict) BEGIN
    UPDATE tally SET count = count - 1
        WHERE name = iif(OLD.reason = 'pending', 'pending', OLD.verdict);
    UPDATE tally SET count = count + 1
        WHERE name = iif(NEW.reason = 'pending', 'pending', NEW.verdict);
END;
CREATE TRIGGER part_published AFTER UPDATE OF published ON part
WHEN OLD.published = 0 AND NEW.published = 1 BEGIN
    UPDATE tally SET count = count + 1 WHERE name = 'published';
END;
CREATE TRIGGER part_deleted AFTER DELETE ON part BEGIN
    UPDATE tally SET count = count + 1 WHERE name = 'deleted';
END;
CREATE TRIGGER part_is_final BEFORE UPDATE OF verdict, reason, outcome ON part
WHEN OLD.published = 1 BEGIN
    SELECT RAISE(ABORT, 'a published row is not altered');
END;
CREATE TRIGGER part_is_kept BEFORE DELETE ON part WHEN OLD.published = 0 BEGIN
    SELECT RAISE(ABORT, 'an unpublished row is not deleted');
END;
"""

T = TypeVar("T")

TABLES = frozenset({"meta", "host_boot", "part", "event", "tally"})


def connect(path: Path, *, synchronous: str, checkpoint_pages: int) -> sqlite3.Connection:
    """Open the ledger's file, making it if it is not there. Raises sqlite3.Error.

    `synchronous` FULL makes each commit durable; NORMAL leaves that to the next FULL one.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        # Must come first: it takes effect only before the first table.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}").fetchone()
        connection.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def create(connection: sqlite3.Connection, epoch: str) -> None:
    """Make the tables of a new ledger in one transaction."""
    header = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};"
    first_row = f"INSERT INTO meta VALUES ('epoch', '{epoch}');"  # noqa: S608 - of our own making
    connection.executescript(f"BEGIN; {header} {SCHEMA} {first_row} COMMIT;")


def transaction(connection: sqlite3.Connection, work: Callable[[], T]) -> T:
    """Do some work in one transaction, which is rolled back if any of it fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work()
        connection.execute("COMMIT")
    finally:
        # SQLite has rolled back by itself after some errors, among them a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return result


def is_full(error: Exception) -> bool:
    """Tell whether an error means that there is no room on the disk."""
    if isinstance(error, OSError):
        return error.errno in {errno.ENOSPC, errno.EDQUOT}
    return "full" in str(error)


def pragma(connection: sqlite3.Connection, name: str) -> int:
    """Return the value of a numeric pragma."""
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def tables(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables that are there."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {str(row[0]) for row in rows if not str(row[0]).startswith("sqlite_")}
