"""A ledger that cannot be opened, or is closed: our own error says why, in one line."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from ledger_line import Line
from ledger_rig import LEDGER, filled
from ledger_writer import writer
from small_disk import read_only, small_disk

from agent.clock import ManualClock, SystemClock
from agent.errors import LedgerError
from agent.ledger.rows import OpenPart
from agent.ledger.store import open_ledger


def test_a_second_agent_on_the_same_ledger_is_refused(tmp_path: Path) -> None:
    """The refusal names the process that has it; a dead one holds nothing."""
    process = writer(tmp_path, 1)
    process.stdout.readline()
    with pytest.raises(LedgerError, match=f"another agent \\(process {process.pid}\\)"):
        open_ledger(tmp_path, SystemClock())
    process.kill()
    process.communicate()
    open_ledger(tmp_path, SystemClock()).close()


def test_a_missing_folder_is_one_line(tmp_path: Path) -> None:
    """The technician learns which folder."""
    with pytest.raises(LedgerError, match="nowhere is missing: make it") as caught:
        open_ledger(tmp_path / "nowhere", SystemClock())
    assert "\n" not in str(caught.value)


def test_a_read_only_folder_is_one_line(tmp_path: Path) -> None:
    """A partition that went read-only is named, and the lock is not left behind."""
    with small_disk(tmp_path / "disk", "4m") as disk:
        open_ledger(disk, SystemClock(), ballast_bytes=4096).close()
        read_only(disk)
        with pytest.raises(LedgerError, match="cannot be written: Read-only") as caught:
            open_ledger(disk, SystemClock())
        assert "\n" not in str(caught.value)


def test_a_newer_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Going back to an older version must not hide unpublished rows."""
    filled_folder = tmp_path / "ledger"
    filled_folder.mkdir()
    filled(filled_folder, clean=True)
    connection = sqlite3.connect(filled_folder / LEDGER)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerError, match="newer linewarden"):
        open_ledger(filled_folder, ManualClock())
    assert not list(filled_folder.glob("aside-*"))


def test_a_file_that_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    """A folder in the ledger's place is no damage to be set aside; the lock is let go."""
    (tmp_path / LEDGER).mkdir()
    for _ in range(2):
        with pytest.raises(LedgerError, match="cannot open the ledger"):
            open_ledger(tmp_path, ManualClock())


def test_a_small_file_that_cannot_be_written_stops_the_start(tmp_path: Path) -> None:
    """Without durable marks numbers might be used twice."""
    (tmp_path / "sequence.json").mkdir()
    with pytest.raises(LedgerError, match="cannot begin"):
        open_ledger(tmp_path, ManualClock(), ballast_bytes=4096)


def test_a_closed_ledger_says_so_in_our_own_error(line: Line) -> None:
    """No exception of the database reaches a lane."""
    line.ledger.close()
    line.ledger.close()
    for call in (
        lambda: line.ledger.write([OpenPart(line.part(), 0)]),
        lambda: line.ledger.unpublished(1),
        lambda: line.ledger.unpublished_events(1),
        lambda: line.ledger.complete_stale(1),
    ):
        with pytest.raises(LedgerError):
            call()
    assert not line.ledger.mark_published([1])
    assert line.ledger.backlog() == 0
