"""The ledger without room, descriptors or locks: one line, and never half a start."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import sqlite3
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path

import pytest
from made_ledger import MadeLedger
from small_disk import fill, read_only, small_disk

from agent.clock import ManualClock
from agent.errors import LedgerError
from agent.ledger.balance import read_balance
from agent.ledger.disk import LOCK_NAME, host_boot_id
from agent.ledger.reader import Selection
from agent.ledger.schema import connect
from agent.ledger.store import open_ledger

LEDGER = "ledger.sqlite"
PAGE = 4096
BALLAST = 16 * PAGE


def start(folder: Path, ballast_bytes: int = PAGE) -> MadeLedger:
    """Return a ledger whose agent runs."""
    made = MadeLedger(folder)
    made.ballast_bytes = ballast_bytes
    made.start()
    return made


def descriptors() -> set[int]:
    """Return the numbers of the descriptors that this process has open."""
    entries = list(Path("/proc/self/fd").iterdir())
    return {int(entry.name) for entry in entries if entry.exists()}  # not that of this list


@contextmanager
def spare_descriptors(count: int):
    """Let this process open so many files more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = descriptors()
    free = (number for number in range(soft) if number not in used)
    limit = next(number for spare, number in enumerate(free) if spare == count)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def opens(folder: Path, limit: AbstractContextManager[None] | None = None) -> bool:
    """Open and close a ledger; False when our own error says in one line why it does not open.

    Nothing stays open either way: whoever tries again for hours must not run out of descriptors.
    """
    before = descriptors()
    fault = ""
    try:
        with limit or nullcontext():
            open_ledger(folder, ManualClock(), ballast_bytes=BALLAST).close()
    except LedgerError as error:
        fault = str(error)
        assert descriptors() == before, fault
    assert "\n" not in fault
    assert descriptors() == before, fault
    return not fault


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_wherever_the_room_ends_at_the_start_it_is_one_line(tmp_path: Path, known) -> None:
    """With a page more each time it opens in the end, without a finding, and so it stays."""
    with small_disk(tmp_path / "disk", "2m") as disk:
        if known:
            made = start(disk)
            made.run("PRC")
            made.stop()
        filler = fill(disk)
        tried = []
        while not tried or not tried[-1]:
            tried.append(opens(disk))
            os.truncate(filler, filler.stat().st_size - PAGE)
        assert known or len(tried) > 5
        ledger = open_ledger(disk, ManualClock(), ballast_bytes=BALLAST)
        assert ledger.findings == ()
        assert ledger.balance().triggers == (3 if known else 0)
        ledger.close()


@pytest.mark.parametrize("known", [False, True], ids=["new", "known"])
def test_wherever_the_descriptors_end_at_the_start_it_is_one_line(tmp_path: Path, known) -> None:
    """Nothing is set aside for want of a descriptor: the file was never seen to be damaged."""
    if known:
        made = start(tmp_path)
        made.run("PRC")
        made.stop()
    tried = []
    while not tried or not tried[-1]:
        tried.append(opens(tmp_path, spare_descriptors(len(tried))))
    assert len(tried) > 3
    assert not list(tmp_path.glob("aside-*"))
    ledger = open_ledger(tmp_path, ManualClock(), ballast_bytes=BALLAST)
    assert ledger.findings == ()
    assert ledger.balance().triggers == (3 if known else 0)
    ledger.close()


def test_a_disk_without_room_for_the_ballast_is_worked_on_without_it(tmp_path: Path) -> None:
    """The ballast is for the worst moment; parts are recorded before it comes."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        made = start(disk, ballast_bytes=8 * 1024 * 1024)
        made.run("PR")
        assert made.ledger.balance().triggers == 2
        assert not (disk / "ballast").exists()
        assert not made.ledger.make_room()  # nothing to give up, and nothing is published
        made.stop()


def test_a_full_disk_gives_up_no_more_published_rows_than_it_must(tmp_path: Path) -> None:
    """A mebibyte at a time: what the broker has is still worth having here."""
    with small_disk(tmp_path / "disk", "24m") as disk:
        made = start(disk, ballast_bytes=8 * 1024 * 1024)
        for _ in range(24):
            made.batch(500)
        made.ledger.mark_published([row.seq for row in made.ledger.unpublished(100_000)])
        assert made.ledger.make_room()
        report = read_balance(disk, Selection())
        assert report.balances, report.faults
        assert 500 <= report.deleted < 11_000
        made.stop()


def test_what_retention_deletes_the_disk_gets_back(tmp_path: Path) -> None:
    """The file shrinks with its rows: another program on the same disk finds the room."""
    made = start(tmp_path)
    for _ in range(4):
        made.batch(500)
    made.ledger.mark_published([row.seq for row in made.ledger.unpublished(100_000)])
    made.ledger.make_room()  # moves the -wal into the file, and leaves the last row
    made.batch(10)
    made.stop()
    assert (tmp_path / LEDGER).stat().st_size < 32 * PAGE


def test_marks_without_room_are_kept_until_there_is_some(tmp_path: Path) -> None:
    """Not even with the ballast: what the broker has got is not sent again, and nothing is lost."""
    with small_disk(tmp_path / "disk", "3m") as disk:
        made = start(disk)
        made.batch(600)
        filler = fill(disk)
        rows = made.ledger.unpublished(1000)
        assert not made.ledger.mark_published([row.seq for row in rows])
        assert made.ledger.unpublished(1000) == []
        assert made.ledger.backlog() == 600
        filler.unlink()
        made.ledger.tidy()
        assert made.ledger.backlog() == 0
        made.stop()


def test_a_ledger_whose_marks_cannot_be_written_is_let_go_of(tmp_path: Path) -> None:
    """The next start takes it for a crash: it checks more and skips numbers, and loses nothing."""
    made = start(tmp_path)
    made.run("PP")
    marks = tmp_path / "sequence.json"
    before = marks.read_bytes()
    marks.unlink()
    marks.mkdir()
    made.stop()
    marks.rmdir()
    marks.write_bytes(before)
    made.start()
    assert made.ledger.findings == ()
    assert made.ledger.sequencer.next() > 1000
    assert made.ledger.balance().triggers == 2
    made.stop()


def test_an_empty_file_where_no_ledger_was_is_a_new_ledger(tmp_path: Path) -> None:
    """A first start that lost its power left no more than that: nothing to be set aside."""
    (tmp_path / LEDGER).touch()
    ledger = open_ledger(tmp_path, ManualClock(), ballast_bytes=PAGE)
    assert ledger.findings == ()
    ledger.close()


def test_a_copy_on_a_read_only_disk_can_be_read(tmp_path: Path) -> None:
    """An engineer has the stick with its switch on; the file by itself is the whole ledger."""
    with small_disk(tmp_path / "disk", "1m") as disk:
        made = start(disk)
        made.run("PPR")
        made.stop()
        read_only(disk)
        assert read_balance(disk, Selection()).total.triggers == 3


def test_a_file_that_is_no_database_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    """A service that tries again for hours must not run out of them."""
    (tmp_path / LEDGER).write_bytes(b"no database" * 1000)
    before = descriptors()
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        connect(tmp_path / LEDGER, synchronous="FULL", checkpoint_pages=0)
    assert descriptors() == before


def test_a_lock_without_a_number_is_a_lock(tmp_path: Path) -> None:
    """On a full disk the holder could not write it; two agents never share a ledger."""
    with closing((tmp_path / LOCK_NAME).open("w")) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(LedgerError, match="another agent runs on the ledger"):
            open_ledger(tmp_path, ManualClock())


def test_a_disk_that_knows_no_locks_is_refused(tmp_path: Path, monkeypatch) -> None:
    """A share of another machine may have no lock server: a second agent could not be kept off."""

    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with pytest.raises(LedgerError, match=r"cannot be locked .*second agent.*No locks"):
        open_ledger(tmp_path, ManualClock())


def test_a_machine_that_does_not_name_its_boot_has_a_ledger_all_the_same(monkeypatch) -> None:
    """Where /proc is hidden, the boot is `unknown`: times of it are still times of one boot."""

    def hidden(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    assert host_boot_id() not in {"", "unknown"}
    monkeypatch.setattr(Path, "read_text", hidden)
    assert host_boot_id() == "unknown"
