"""The ledger as the demo's judge reads it: the file itself, after the agent has closed it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from agent.errors import DemoError
from agent.sim.judge import Row


def ledger_rows(folder: Path) -> list[Row]:
    """Return (boot, part, verdict) of every row. Raises DemoError."""
    path = folder / "ledger.sqlite"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return list(connection.execute("SELECT boot, gate_part, verdict FROM part"))
    except sqlite3.Error as error:
        raise DemoError(f"the ledger {path} cannot be read: {error}") from error
