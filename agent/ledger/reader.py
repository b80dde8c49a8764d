"""Reads a ledger's file beside a running agent, and never writes to it."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from agent.errors import LedgerError
from agent.ledger.disk import LEDGER_NAME
from agent.ledger.schema import APPLICATION_ID, BUSY_S, SCHEMA_VERSION, TABLES, pragma, tables

STARTS = """
SELECT number, host_boot, at_ns, wall_ns FROM event WHERE kind = 'started'
ORDER BY host_boot, at_ns
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the agent, named by the number of its event; 0 stands for none known."""

    number: int
    host_boot: int
    at_ns: int
    wall_ns: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which parts are asked for; without a bound all of them.

    `since_wall_ns` and `until_wall_ns` are wall times (from, included; to, excluded).
    """

    since_wall_ns: int | None = None
    until_wall_ns: int | None = None
    session: int | None = None

    @property
    def everything(self) -> bool:
        """Whether no part is left out."""
        return self == Selection()

    def holds(self, wall_ns: int, session: int) -> bool:
        """Tell whether a part that came then, in that session, is asked for."""
        if self.since_wall_ns is not None and wall_ns < self.since_wall_ns:
            return False
        if self.until_wall_ns is not None and wall_ns >= self.until_wall_ns:
            return False
        return self.session is None or self.session == session


class Sessions:
    """The starts of the agent that a ledger still knows, and which part came in which."""

    def __init__(self, starts: Sequence[Start]) -> None:
        self.starts = tuple(starts)
        self._keys = [(start.host_boot, start.at_ns) for start in self.starts]

    def of(self, host_boot: int, at_ns: int) -> int:
        """Return the session of a part that met the photo-eye then; 0 when none is known.

        What came before the first start of a machine's boot was reported to that start: the
        controller keeps parts until somebody records them.
        """
        place = bisect_right(self._keys, (host_boot, at_ns))
        for start in self.starts[max(0, place - 1) : place + 1]:
            if start.host_boot == host_boot:
                return start.number
        return 0


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a ledger for reading, its file or its folder, and close it again.

    Raises LedgerError when it is missing, damaged or no ledger of ours.
    """
    file = path / LEDGER_NAME if path.is_dir() else path
    if not file.is_file():
        raise LedgerError(f"there is no ledger at {file}: name its folder with --ledger")
    try:
        with closing(_connect(file)) as connection:
            _check(connection, file)
            yield connection
    except sqlite3.Error as error:
        raise LedgerError(f"cannot read the ledger {file}: {error}") from error


def read_sessions(connection: sqlite3.Connection) -> Sessions:
    """Return the starts of the agent that the ledger knows. Raises sqlite3.Error."""
    return Sessions([Start(*row) for row in connection.execute(STARTS)])


def check_session(sessions: Sessions, selection: Selection) -> None:
    """Refuse a session that the ledger does not know. Raises LedgerError."""
    known = {0, *(start.number for start in sessions.starts)}
    if selection.session is not None and selection.session not in known:
        raise LedgerError(
            f"the ledger knows no session {selection.session}: `linewarden ledger balance` "
            "lists them"
        )


def parse_wall_time(text: str) -> int:
    """Return a date or time of ISO 8601 as wall nanoseconds; without a zone it is UTC.

    Raises LedgerError.
    """
    # Python 3.10 does not know the Z that our own messages end in.
    plain = text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text
    try:
        moment = datetime.fromisoformat(plain)
    except ValueError as error:
        raise LedgerError(
            f"{text!r} is no date or time: write 2026-03-01 or 2026-03-01T06:00:00Z"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    since_1970 = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    whole_s = since_1970.days * 86_400 + since_1970.seconds
    return whole_s * 1_000_000_000 + since_1970.microseconds * 1000


def _connect(file: Path) -> sqlite3.Connection:
    """Open the file for reading only; a copy on a read-only disk too, if it was closed cleanly."""
    place = f"file:{quote(str(file.absolute()))}?mode=ro"
    try:
        return _opened(place)
    except sqlite3.OperationalError:
        # Readers of a WAL share a -shm, which a read-only folder has no room for. Without a -wal
        # nobody writes, and the file by itself is the whole ledger.
        wal = file.with_name(file.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            raise
        return _opened(place + "&immutable=1")


def _opened(place: str) -> sqlite3.Connection:
    connection = sqlite3.connect(place, uri=True, timeout=BUSY_S, isolation_level=None)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, file: Path) -> None:
    if pragma(connection, "application_id") != APPLICATION_ID or not tables(connection) >= TABLES:
        raise LedgerError(f"{file} is no ledger of linewarden, or lacks its tables")
    if pragma(connection, "user_version") > SCHEMA_VERSION:
        raise LedgerError(f"the ledger {file} was written by a newer linewarden: install that")
