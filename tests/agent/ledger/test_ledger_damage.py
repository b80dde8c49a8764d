"""A damaged ledger: set aside and begun anew, and no error but our own."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from ledger_rig import LEDGER, Parts, filled, flip

from agent.clock import ManualClock
from agent.errors import LedgerError
from agent.ledger.rows import SetVerdict
from agent.ledger.store import open_ledger
from agent.records import Verdict, VerdictKind


def cut(path: Path, share: float) -> None:
    """Cut a file down to a share of its length."""
    os.truncate(path, int(path.stat().st_size * share))


def edit(path: Path, statement: str) -> None:
    """Change rows past the ledger's own code: to SQLite the file stays sound."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def foreign(path: Path) -> None:
    """Put somebody else's database in the ledger's place."""
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE songs (title TEXT)")
    connection.commit()
    connection.close()


def relabel(path: Path) -> None:
    """Give the database the mark of another application, with all its tables in place."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA application_id = 1")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"not a database" * 1000), "is damaged"),
        (lambda path: flip(path, 0.0), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 40_000), "is damaged"),
        (lambda path: cut(path, 0.5), "is damaged"),
        (lambda path: cut(path, 0.0), "lacks its tables"),
        (lambda path: path.unlink(), "is gone"),
        (foreign, "is no ledger of linewarden"),
        (relabel, "is no ledger of linewarden"),
        (lambda path: edit(path, "DELETE FROM meta"), "has lost its epoch"),
        (lambda path: edit(path, "UPDATE meta SET value = 'x'"), "has lost its epoch"),
        (lambda path: edit(path, "DELETE FROM tally WHERE name = 'PASS'"), "its running account"),
        (lambda path: edit(path, "UPDATE tally SET count = x'ff'"), "its running account"),
    ],
    ids=[
        *("text", "header", "pages", "truncated", "emptied", "gone", "foreign", "relabelled"),
        *("no-epoch", "other-epoch", "no-account", "no-counts"),
    ],
)
def test_a_damaged_ledger_is_set_aside_and_a_new_one_begun(
    tmp_path: Path, damage, words: str
) -> None:
    """All its files move together, the epoch is new, numbers go on, an event says so."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    before, written = filled(folder, clean=True)
    marks = (folder / "sequence.json").read_text().replace('"clean":true', '"clean":false')
    (folder / "sequence.json").write_text(marks)
    damage(folder / LEDGER)
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    try:
        assert words in ledger.findings[0]
        assert ledger.epoch != before.epoch
        assert ledger.sequencer.next() > written[-1].seq
        assert ledger.balance().triggers == 0
        assert ledger.unpublished_events(1)[0].kind == "ledger_aside"
        (aside,) = folder.glob("aside-*")
        assert (aside / LEDGER).exists() or words == "is gone"
    finally:
        ledger.close()
    assert open_again(folder) == ()


def open_again(folder: Path) -> tuple[str, ...]:
    """Open and close a ledger; returns what was found wrong."""
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    ledger.close()
    return ledger.findings


def test_a_crash_between_setting_aside_and_beginning_anew_is_settled(tmp_path: Path) -> None:
    """Marks of the old epoch beside a fresh database: only the numbers carry over."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    _, written = filled(folder)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    open_ledger(fresh, ManualClock(), ballast_bytes=4096).close()
    for suffix in ("-wal", "-shm"):
        (folder / (LEDGER + suffix)).unlink(missing_ok=True)
    shutil.copy(fresh / LEDGER, folder / LEDGER)
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    assert ledger.sequencer.next() > written[-1].seq
    assert ledger.findings == ()
    ledger.close()


def test_damage_found_while_running_begins_anew_on_reopening(tmp_path: Path) -> None:
    """The recorder reopens after an error; it never meets an exception that is not ours."""
    ledger, _ = open_ledger(tmp_path, ManualClock(), ballast_bytes=4096), None
    parts = Parts(ledger)
    parts.write(300)
    ledger._writer._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    ledger._writer._connection.execute("PRAGMA cache_size = 0")
    content = bytearray((tmp_path / LEDGER).read_bytes())
    for page in range(4096, len(content), 4096):
        content[page : page + 2048] = b"\xee" * 2048
    (tmp_path / LEDGER).write_bytes(content)
    with pytest.raises(LedgerError):
        parts.write_on(20)
    epoch = ledger.epoch
    ledger.reopen()
    assert ledger.epoch != epoch
    parts.write(5)
    assert ledger.balance().triggers == 5
    ledger.close()


def test_words_that_are_none_of_ours_are_our_error(tmp_path: Path) -> None:
    """Damage that no checksum sees must not reach a lane as a ValueError."""
    ledger = open_ledger(tmp_path, ManualClock(), ballast_bytes=4096)
    parts = Parts(ledger)
    first, second = parts.write(2)
    connection = sqlite3.connect(tmp_path / LEDGER, isolation_level=None)
    connection.execute("UPDATE part SET outcome = 'pased'")
    connection.close()
    with pytest.raises(LedgerError, match="pased"):
        ledger.unpublished(1)
    with pytest.raises(LedgerError, match="pased"):
        ledger.write([SetVerdict(Verdict(first, VerdictKind.PASS))])
    assert ledger.balance().triggers == 2
    assert ledger.backlog() == second.seq
    ledger.close()


def test_ledgers_set_aside_within_a_second_do_not_meet(tmp_path: Path) -> None:
    """Each goes into a folder of its own, by the hand-moved clock all at one time."""
    for _ in range(3):
        ledger = open_ledger(tmp_path, ManualClock(), ballast_bytes=4096)
        Parts(ledger).write(1)
        ledger.close()
        (tmp_path / LEDGER).write_bytes(b"damage" * 1000)
        (tmp_path / "sequence.json").unlink()
    open_ledger(tmp_path, ManualClock(), ballast_bytes=4096).close()
    assert len(list(tmp_path.glob("aside-*/ledger.sqlite"))) == 3


def test_random_edits_never_raise_anything_but_our_error(tmp_path: Path) -> None:
    """Sixty edits of database and -wal: the ledger opens, works, and balances each time."""
    chance = random.Random(3)
    original = tmp_path / "original"
    original.mkdir()
    filled(original)
    for number in range(60):
        folder = tmp_path / f"edit-{number}"
        shutil.copytree(original, folder)
        for _ in range(chance.randint(1, 4)):
            path = folder / chance.choice([LEDGER, f"{LEDGER}-wal"])
            content = bytearray(path.read_bytes())
            if content:
                at = chance.randrange(len(content))
                content[at] = chance.randrange(256)
                path.write_bytes(content if chance.random() < 0.9 else content[:at])
        use(folder)
        shutil.rmtree(folder)


def use(folder: Path) -> None:
    """Open, write, publish; our own error is the only one allowed, and reopening heals it."""
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    parts = Parts(ledger, boot=2)
    try:
        try:
            parts.write(3)
        except LedgerError:
            ledger.reopen()
            parts.write(3)
        with contextlib.suppress(LedgerError):
            ledger.mark_published([row.seq for row in ledger.unpublished(100)])
        assert ledger.balance().triggers >= 3
    finally:
        ledger.close()
