"""The ledger's parts as a table for other programs: CSV, or Parquet with pyarrow."""

from __future__ import annotations

import csv
import importlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.errors import LedgerError
from agent.ledger.reader import Selection, Sessions, check_session, read_sessions, reading
from agent.ledger.wall_labels import WallLabels, read_wall_labels
from agent.wall_time import iso_time

SLICE_ROWS = 5000

# Each slice is a transaction of its own: one long one would keep the -wal of a running agent from
# being used anew.
ROWS = """
SELECT seq, host_boot, at_ns, wall_ns, clock_ok, verdict, reason, score, model, outcome,
    frame_ns, judged_ns, outcome_ns, prepare_us, invoke_us, boot, gate_part, picture,
    complete, published
FROM part WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?
"""

# name -> type; a name of the MQTT result means the same, but that `at` may be corrected here.
COLUMNS = {
    "epoch": "text",
    "seq": "whole",
    "session": "whole",
    "at": "text",
    "clock_ok": "yes_no",
    "corrected": "yes_no",
    "verdict": "text",
    "reason": "text",
    "score": "real",
    "model": "text",
    "outcome": "text",
    "frame_ms": "real",
    "verdict_ms": "real",
    "gate_ms": "real",
    "prepare_ms": "real",
    "invoke_ms": "real",
    "gate_boot": "whole",
    "gate_part": "whole",
    "picture": "text",
    "complete": "yes_no",
    "published": "yes_no",
    "host_boot": "whole",
    "at_ns": "whole",
    "wall_ns": "whole",
}

Rows = list[tuple[Any, ...]]


def export_csv(ledger: Path, file: Path, selection: Selection) -> int:
    """Write the selected parts as CSV with a head line; returns how many. Raises LedgerError.

    An empty field is a value that the part does not have.
    """

    def write(temporary: Path, slices: Iterator[Rows]) -> int:
        with temporary.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(COLUMNS)
            count = 0
            for rows in slices:
                writer.writerows(rows)
                count += len(rows)
        return count

    return _export(ledger, file, selection, write)


def export_parquet(ledger: Path, file: Path, selection: Selection) -> int:
    """Write the selected parts as Parquet; returns how many. Raises LedgerError.

    Needs pyarrow, which the extra `linewarden[parquet]` brings.
    """
    arrow, parquet = _pyarrow()
    types = {
        "text": arrow.string(),
        "whole": arrow.int64(),
        "real": arrow.float64(),
        "yes_no": arrow.bool_(),
    }
    schema = arrow.schema([(name, types[kind]) for name, kind in COLUMNS.items()])

    def write(temporary: Path, slices: Iterator[Rows]) -> int:
        count = 0
        with parquet.ParquetWriter(temporary, schema) as writer:
            for rows in slices:
                columns = [list(column) for column in zip(*rows, strict=True)]
                writer.write_table(arrow.table(columns, schema=schema))
                count += len(rows)
        return count

    return _export(ledger, file, selection, write)


def _pyarrow() -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise LedgerError(
            "Parquet needs pyarrow: pip install 'linewarden[parquet]', or use --csv"
        ) from error


def _export(
    ledger: Path,
    file: Path,
    selection: Selection,
    write: Callable[[Path, Iterator[Rows]], int],
) -> int:
    """Write beside the file and put it in its place when it is whole."""
    folder = ledger if ledger.is_dir() else ledger.parent
    if file.absolute().parent.resolve() == folder.resolve():
        raise LedgerError(f"{file} lies in the ledger's own folder: write the table elsewhere")
    if file.exists() and not file.is_file():
        raise LedgerError(f"{file} is no file: the table takes its place, so name a file")
    file = file.resolve()  # a link stays one: /dev/stdout is a link
    temporary = file.with_name(file.name + ".part")
    try:
        with reading(ledger) as connection:
            count = write(temporary, _slices(connection, selection))
        temporary.replace(file)
    except OSError as error:
        raise LedgerError(f"cannot write {file}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return count


def _slices(connection: sqlite3.Connection, selection: Selection) -> Iterator[Rows]:
    """Yield the selected parts that were there at the beginning, some at a time."""
    labels = read_wall_labels(connection)
    sessions = read_sessions(connection)
    check_session(sessions, selection)
    epoch = str(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
    last = int(connection.execute("SELECT coalesce(max(seq), 0) FROM part").fetchone()[0])
    after = 0
    while found := connection.execute(ROWS, (after, last, SLICE_ROWS)).fetchall():
        after = found[-1][0]
        rows = _selected(found, epoch, sessions, labels, selection)
        if rows:
            yield rows


def _selected(
    found: Rows, epoch: str, sessions: Sessions, labels: WallLabels, selection: Selection
) -> Rows:
    chosen = []
    for row in found:
        host_boot, at_ns, wall_ns, clock_ok = row[1:5]
        session = sessions.of(host_boot, at_ns)
        right_ns, corrected = labels.part(host_boot, at_ns, wall_ns, clock_ok=bool(clock_ok))
        if selection.holds(right_ns, session):
            moment = (iso_time(right_ns), bool(clock_ok) or corrected, corrected)
            chosen.append(_table_row(row, epoch, session, moment))
    return chosen


def _table_row(
    row: tuple[Any, ...], epoch: str, session: int, moment: tuple[str, bool, bool]
) -> tuple[Any, ...]:
    seq, host_boot, at_ns, wall_ns, _, verdict, reason, score, model, outcome = row[:10]
    *times_ns, prepare_us, invoke_us, boot, gate_part, picture, complete, published = row[10:]
    since_ms = [None if then is None else round((then - at_ns) / 1e6, 3) for then in times_ns]
    cost_ms = [None if spent is None else spent / 1000 for spent in (prepare_us, invoke_us)]
    return (
        *(epoch, seq, session, *moment),
        *(verdict, reason, score, model, outcome),
        *since_ms,
        *cost_ms,
        *(boot, gate_part, picture, bool(complete), bool(published)),
        *(host_boot, at_ns, wall_ns),
    )
