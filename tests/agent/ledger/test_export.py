"""The ledger's parts as CSV and Parquet."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path

import pytest
from made_ledger import SECOND_NS, START_WALL_NS, MadeLedger

from agent.errors import LedgerError
from agent.ledger.export import COLUMNS, export_csv, export_parquet
from agent.ledger.reader import Selection

EVERYTHING = Selection()


@pytest.fixture
def made(tmp_path):
    """Return a ledger whose agent runs."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    made = MadeLedger(folder)
    made.start()
    yield made
    made.stop()


def rows_of(file):
    """Read a table back with another reader's eyes."""
    with file.open(encoding="utf-8", newline="") as content:
        return list(csv.DictReader(content))


def test_every_part_is_one_row_with_the_names_of_the_mqtt_result(made, tmp_path):
    """Times are milliseconds from the trigger; what a part has not is empty."""
    made.run("PU.")
    file = tmp_path / "parts.csv"
    assert export_csv(made.folder, file, EVERYTHING) == 3
    passed, late, open_part = rows_of(file)
    assert list(passed) == list(COLUMNS)
    assert (passed["seq"], passed["verdict"], passed["outcome"]) == ("1", "PASS", "passed")
    assert (passed["frame_ms"], passed["verdict_ms"], passed["gate_ms"]) == ("1.5", "9.0", "400.0")
    assert (passed["prepare_ms"], passed["invoke_ms"]) == ("0.7", "3.1")
    assert (passed["at"], passed["clock_ok"]) == ("2023-11-14T22:13:22.000Z", "True")
    assert passed["session"] != "0"
    assert (late["reason"], late["score"]) == ("late", "")
    assert (open_part["reason"], open_part["complete"]) == ("pending", "False")


def test_a_long_ledger_goes_out_whole_in_slices(made, tmp_path, monkeypatch):
    """No row is lost or doubled where one slice ends and the next begins."""
    monkeypatch.setattr("agent.ledger.export.SLICE_ROWS", 4)
    made.run("PRCU" * 4)
    file = tmp_path / "parts.csv"
    assert export_csv(made.folder, file, EVERYTHING) == 16
    assert [row["seq"] for row in rows_of(file)] == [str(seq) for seq in range(1, 17)]


def test_only_what_is_asked_for_goes_out(made, tmp_path):
    """By wall time and by session."""
    made.run("PPPP")
    made.stop()
    made.start()
    made.run("RR")
    file = tmp_path / "parts.csv"
    since = Selection(since_wall_ns=START_WALL_NS + 5 * SECOND_NS)
    assert export_csv(made.folder, file, since) == 3
    session = int(rows_of(file)[-1]["session"])
    assert export_csv(made.folder, file, Selection(session=session)) == 2
    assert {row["verdict"] for row in rows_of(file)} == {"REJECT"}
    with pytest.raises(LedgerError, match="no session"):
        export_csv(made.folder, file, Selection(session=98))


def test_a_slice_of_which_nothing_is_asked_for_is_passed_over(made, tmp_path, monkeypatch):
    """A long ledger may hold a day of other parts before those that are wanted."""
    monkeypatch.setattr("agent.ledger.export.SLICE_ROWS", 2)
    made.run("PPPPRR")
    file = tmp_path / "parts.csv"
    since = Selection(since_wall_ns=START_WALL_NS + 6 * SECOND_NS)
    assert export_csv(made.folder, file, since) == 2
    assert [row["verdict"] for row in rows_of(file)] == ["REJECT", "REJECT"]


def test_a_failed_export_leaves_the_old_table(made, tmp_path):
    """The new one takes its place only when it is whole."""
    file = tmp_path / "parts.csv"
    file.write_text("old")
    with pytest.raises(LedgerError, match="no ledger"):
        export_csv(tmp_path / "nowhere" / "ledger.sqlite", file, EVERYTHING)
    assert file.read_text() == "old"
    with pytest.raises(LedgerError, match="cannot write"):
        export_csv(made.folder, tmp_path / "missing" / "parts.csv", EVERYTHING)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["parts.csv"]


def test_a_table_takes_the_place_of_nothing_but_a_file(made, tmp_path):
    """As root, /dev/stdout would be gone: a device and a folder are refused, a link stays one."""
    made.run("P")
    target = tmp_path / "parts.csv"
    link = tmp_path / "link"
    link.symlink_to(target)
    assert export_csv(made.folder, link, EVERYTHING) == 1
    assert link.is_symlink()
    assert target.read_text().startswith("epoch,")
    os.mkfifo(tmp_path / "pipe")
    for name in ("/dev/null", tmp_path, tmp_path / "pipe"):
        with pytest.raises(LedgerError, match="is no file"):
            export_csv(made.folder, Path(name), EVERYTHING)


def test_the_ledgers_own_folder_is_no_place_for_a_table(made):
    """A table can never take the place of the ledger itself."""
    made.run("P")
    for name in ("ledger.sqlite", "parts.csv"):
        with pytest.raises(LedgerError, match="own folder"):
            export_csv(made.folder, made.folder / name, EVERYTHING)
    assert made.ledger.balance().triggers == 1


def test_without_pyarrow_one_sentence_says_what_to_install(made, tmp_path, monkeypatch):
    """Parquet is an extra."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(LedgerError, match=r"linewarden\[parquet\]"):
        export_parquet(made.folder, tmp_path / "parts.parquet", EVERYTHING)


def test_parquet_holds_the_same_rows_with_types(made, tmp_path, monkeypatch):
    """Numbers are numbers, missing values are null, slices make one table."""
    parquet = pytest.importorskip(
        "pyarrow.parquet", reason="skipped: needs the extra linewarden[parquet]"
    )
    monkeypatch.setattr("agent.ledger.export.SLICE_ROWS", 2)
    made.run("PRCU.")
    file = tmp_path / "parts.parquet"
    assert export_parquet(made.folder, file, EVERYTHING) == 5
    rows = parquet.read_table(file).to_pylist()
    assert [row["verdict"] for row in rows] == [
        "PASS", "REJECT", "RECHECK", "UNINSPECTED", "UNINSPECTED",
    ]  # fmt: skip
    assert (rows[0]["score"], rows[3]["score"]) == (0.25, None)
    assert rows[0]["clock_ok"] is True
