"""The balance from the ledger's file alone, with the agent running or not."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from made_ledger import SECOND_NS, START_WALL_NS, MadeLedger

from agent.errors import LedgerError
from agent.ledger import balance
from agent.ledger.balance import read_balance
from agent.ledger.reader import Selection, Sessions, Start, parse_wall_time, reading

EVERYTHING = Selection()


@pytest.fixture
def made(tmp_path):
    """Return a ledger whose agent runs."""
    made = MadeLedger(tmp_path)
    made.start()
    yield made
    made.stop()


def bytes_of(folder):
    """Return the bytes of the database and its -wal."""
    return [(folder / name).read_bytes() for name in ("ledger.sqlite", "ledger.sqlite-wal")]


def test_a_running_ledger_balances_and_is_not_written(made):
    """Counts come from the rows, beside the writer, and not a byte changes."""
    made.run("PPRCU.")
    before = bytes_of(made.folder)
    report = read_balance(made.folder, EVERYTHING)
    assert bytes_of(made.folder) == before
    total = report.total
    assert (total.triggers, total.passed, total.rejected, total.rechecked) == (6, 2, 1, 1)
    assert (total.uninspected, total.in_work) == (2, 1)
    assert total.holds
    assert report.balances
    made.run("P")
    assert read_balance(made.folder, EVERYTHING).total.triggers == 7


def test_a_commit_in_the_middle_falls_wholly_out(made, monkeypatch):
    """Account and rows are of one moment, however long the walk takes."""
    made.run("PPRCU")
    walk = balance._walk

    def meanwhile(*arguments):
        made.run("P")
        return walk(*arguments)

    monkeypatch.setattr(balance, "_walk", meanwhile)
    report = read_balance(made.folder, EVERYTHING)
    assert report.balances, report.faults
    assert report.total.triggers == 5


def test_each_start_of_the_agent_is_a_session_of_its_own(made):
    """Parts belong to the last start before them, also over a reboot of the machine."""
    made.run("PP")
    made.stop()
    made.start()
    made.run("PRR")
    made.stop()
    made.host_boot = "boot-b"
    made.clock.advance(-900 * SECOND_NS)  # monotonic time begins anew with the machine
    made.start()
    made.run("C")
    report = read_balance(made.folder, EVERYTHING)
    assert [one.count.triggers for one in report.sessions] == [2, 3, 1]
    assert [one.count.rejected for one in report.sessions] == [0, 2, 0]
    assert report.total.triggers == 6
    assert report.balances
    second = report.sessions[1].session
    alone = read_balance(made.folder, Selection(session=second))
    assert alone.total == report.sessions[1].count
    with pytest.raises(LedgerError, match="knows no session 99"):
        read_balance(made.folder, Selection(session=99))


def test_parts_can_be_chosen_by_wall_time(made):
    """`since` is included, `until` is not."""
    made.run("PPPPP")  # at 2 s to 6 s after the clock began
    chosen = Selection(START_WALL_NS + 3 * SECOND_NS, START_WALL_NS + 5 * SECOND_NS)
    assert read_balance(made.folder, chosen).total.triggers == 2


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM part WHERE seq = 2", "5 triggers were counted"),
        ("UPDATE part SET verdict = 'PASS' WHERE verdict = 'REJECT'", "counted as REJECT"),
        ("UPDATE part SET verdict = 'MAYBE' WHERE seq = 1", "no verdict that fits"),
        ("UPDATE part SET reason = 'none' WHERE verdict = 'UNINSPECTED'", "no verdict that fits"),
        ("UPDATE part SET outcome = 'passed' WHERE verdict = 'REJECT'", "what the gate did: 3"),
        ("UPDATE part SET outcome = 'rejected' WHERE seq = 2", "what the gate did: 2"),
        ("UPDATE part SET published = 1 WHERE seq = 1", "marked as published"),
        ("UPDATE tally SET count = 9 WHERE name = 'PASS'", "9 parts were counted as PASS"),
        ("DELETE FROM part WHERE seq = 3", "1 of them have no row"),
        ("DELETE FROM part WHERE seq > 3", "rows 4 to 5 were recorded and are gone"),
    ],
)
def test_a_file_that_was_altered_does_not_balance(made, damage, words):
    """Rows, running account, marks and the controller's numbers are witnesses of one another."""
    made.run("PPRCU")
    made.stop()
    assert read_balance(made.folder, EVERYTHING).balances
    made.edit(damage)
    report = read_balance(made.folder, EVERYTHING)
    assert not report.balances
    assert any(words in fault for fault in report.faults), report.faults


def test_a_verdict_that_was_altered_with_the_account_does_not_fit_the_gate(made):
    """Whoever opens the file with its triggers changes verdict and account in one."""
    made.run("PPRCU")
    made.stop()
    with closing(sqlite3.connect(made.folder / "ledger.sqlite")) as connection, connection:
        connection.execute("UPDATE part SET verdict = 'PASS' WHERE verdict = 'REJECT'")
    (fault,) = read_balance(made.folder, EVERYTHING).faults
    assert fault == "1 rows have a verdict that does not fit what the gate did: 3"


def test_rows_that_retention_deleted_are_accounted_for(made):
    """What was deleted still stands in the account since the ledger was begun."""
    made.run("PPRCU")
    made.ledger.mark_published([1, 2, 3])
    made.ledger.prune(keep_rows=3)
    report = read_balance(made.folder, EVERYTHING)
    assert report.balances, report.faults
    assert (report.total.triggers, report.deleted, report.since_begun.triggers) == (3, 2, 5)


def test_a_part_that_only_the_controller_counted_is_told(made):
    """A number without a row, between others, is a part that met the gate unrecorded."""
    made.run("PP")
    made.count += 3
    made.run("P")
    report = read_balance(made.folder, EVERYTHING)
    assert (report.balances, report.unrecorded) == (False, 3)


@pytest.mark.parametrize(("wal", "readable"), [(None, True), (b"", True), (b"x" * 64, False)])
def test_a_copy_can_be_read_where_no_shm_can_be_made(made, tmp_path, wal, readable):
    """The file by itself is enough; beside a -wal with rows in it, it is not the whole ledger."""
    made.run("PP")
    made.stop()
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "ledger.sqlite").write_bytes((made.folder / "ledger.sqlite").read_bytes())
    (copy / "ledger.sqlite-shm").mkdir()  # holds for root as well, whom no mode keeps out
    if wal is not None:
        (copy / "ledger.sqlite-wal").write_bytes(wal)
    if readable:
        assert read_balance(copy / "ledger.sqlite", EVERYTHING).total.triggers == 2
    else:
        with pytest.raises(LedgerError, match="cannot read"):
            read_balance(copy / "ledger.sqlite", EVERYTHING)


def test_a_reader_cannot_write(made):
    """The connection itself refuses."""
    with (
        pytest.raises(LedgerError, match="readonly"),
        reading(made.folder) as connection,
    ):
        connection.execute("DELETE FROM event")


@pytest.mark.parametrize("content", [None, b"", b"SQLite format 3\x00" + b"x" * 5000])
def test_what_is_no_ledger_is_refused_in_a_sentence(tmp_path, content):
    """Missing, empty and foreign files give one line."""
    if content is not None:
        (tmp_path / "ledger.sqlite").write_bytes(content)
    with pytest.raises(LedgerError, match="ledger"):
        read_balance(tmp_path, EVERYTHING)


def test_a_newer_ledger_is_refused(made):
    """What a later release wrote is not guessed at."""
    made.stop()
    made.edit("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="newer linewarden"):
        read_balance(made.folder, EVERYTHING)


def test_an_incomplete_account_is_refused(made):
    """A ledger whose tally was cut down cannot balance."""
    made.stop()
    made.edit("DELETE FROM tally WHERE name = 'PASS'")
    with pytest.raises(LedgerError, match="incomplete"):
        read_balance(made.folder, EVERYTHING)


def test_a_part_from_before_the_first_start_has_session_0_or_that_start():
    """Before the first start of a machine's boot it is that one; on an unknown boot none."""
    sessions = Sessions([Start(5, 1, 100, 0), Start(9, 1, 200, 0), Start(12, 3, 50, 0)])
    found = [sessions.of(*when) for when in ((1, 50), (1, 100), (1, 250), (2, 10), (3, 1), (4, 1))]
    assert found == [5, 5, 9, 0, 12, 0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2023-11-14T22:13:20Z", 1_700_000_000),
        ("2023-11-14T22:13:20", 1_700_000_000),
        ("2023-11-14T23:13:20+01:00", 1_700_000_000),
        ("2023-11-14", 1_699_920_000),
    ],
)
def test_times_are_read_as_our_messages_write_them(text, seconds):
    """ISO 8601; without a zone it is UTC."""
    assert parse_wall_time(text) == seconds * SECOND_NS


@pytest.mark.parametrize("text", ["", "yesterday", "2023-13-01", "Z"])
def test_what_is_no_time_is_refused(text):
    """The sentence shows how to write one."""
    with pytest.raises(LedgerError, match="write 2026-03-01"):
        parse_wall_time(text)


def test_readers_leave_the_writer_alone(made):
    """A reader in the middle of its walk does not hinder the next commit."""
    made.run("PP")
    with reading(made.folder) as connection, closing(connection.cursor()) as cursor:
        connection.execute("BEGIN")
        cursor.execute("SELECT seq FROM part").fetchone()
        made.run("R")
        assert made.ledger.balance().triggers == 3
