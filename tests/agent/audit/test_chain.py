"""Appending to the audit chain: what was told stays, whatever power, disk or others do."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from audit_chains import ROWS, fill, lay_out, lines_of, made_in, put
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audit.chain import AuditChain, who_runs
from agent.audit.rows import (
    CHAIN_NAME,
    HEAD_NAME,
    Deed,
    encode_head,
    parse_line,
)
from agent.audit.verify import verify_folder
from agent.clock import ManualClock
from agent.errors import LedgerError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the lines and the head's file of a sound chain."""
    return made_in(tmp_path_factory.mktemp("chain"))


@pytest.fixture
def folder(tmp_path, made):
    """Return a folder of its own with that chain."""
    return lay_out(tmp_path, made)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_row_torn_by_a_power_cut_is_told_and_closed_off(made, data):
    """Wherever it was torn, the rows before stay sound and the next row says what was found."""
    lines = made[0]
    torn = lines[-1][: data.draw(st.integers(1, len(lines[-1]) - 2))]
    before = parse_line(lines[-2][:-1]).head
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        put(folder, [*lines[:-1], torn])
        (folder / HEAD_NAME).write_bytes(encode_head(before))
        seen = verify_folder(folder)
        assert seen.sound
        assert len(seen.notices) == 1
        AuditChain(folder, ManualClock(), "boot-b").append(Deed.STARTED, "systemd", "again")
        report = verify_folder(folder)
        assert report.sound, report.faults
        assert f"{len(torn)} bytes" in report.notices[0]
        assert [parse_line(line[:-1]).row.deed for line in lines_of(folder)[-2:]] == [
            "torn", "started",
        ]  # fmt: skip
        assert torn in (folder / CHAIN_NAME).read_bytes()  # evidence stays
        altered = (folder / CHAIN_NAME).read_bytes().replace(torn, b"?" * len(torn))
        (folder / CHAIN_NAME).write_bytes(altered)
        assert not verify_folder(folder).sound


def test_a_power_cut_while_closing_off_is_closed_off_as_well(folder):
    """Two torn rows in a line are one torn place."""
    lines = lines_of(folder)
    for leftover in (b"\n", b'\n{"hash":"12'):
        (folder / HEAD_NAME).write_bytes(encode_head(parse_line(lines[-2][:-1]).head))
        put(folder, [*lines[:-1], lines[-1][:40], leftover])
        AuditChain(folder, ManualClock()).append(Deed.STARTED, "systemd", "again")
        report = verify_folder(folder)
        assert report.sound, report.faults
        assert report.rows == ROWS + 1


@pytest.mark.parametrize("left", [0, 3, ROWS - 1])
def test_rows_cut_off_stay_found_after_more_was_appended(folder, left):
    """The next row says that they were there, and their numbers are not used again."""
    put(folder, lines_of(folder)[:left])
    AuditChain(folder, ManualClock()).append(Deed.STARTED, "systemd", "again")
    report = verify_folder(folder)
    assert not report.sound
    assert report.faults[0].row == left + 1
    assert report.head.number == ROWS + 2


def test_an_altered_last_row_stays_found_after_more_was_appended(folder):
    """It was durable: no power cut can have done that."""
    lines = lines_of(folder)
    put(folder, [*lines[:-1], lines[-1].replace(b"anna", b"bert")])
    assert verify_folder(folder).faults[0].row == ROWS
    AuditChain(folder, ManualClock()).append(Deed.STARTED, "systemd", "again")
    assert verify_folder(folder).faults[0].row == ROWS


def test_a_crash_before_the_first_head_is_no_fault(tmp_path):
    """The very first row is durable before its head is."""
    fill(tmp_path, [])
    chain = AuditChain(tmp_path, ManualClock())
    chain.append(Deed.STARTED, "systemd", "first")
    put(tmp_path, lines_of(tmp_path)[:1])
    (tmp_path / HEAD_NAME).unlink()
    assert verify_folder(tmp_path).sound
    AuditChain(tmp_path, ManualClock()).append(Deed.STARTED, "systemd", "again")
    assert verify_folder(tmp_path).rows == 2
    assert verify_folder(tmp_path).sound


def test_two_processes_append_in_turn(tmp_path):
    """The agent and a technician's commands write one chain."""
    code = (
        "import sys; from pathlib import Path; from agent.clock import SystemClock;"
        "from agent.audit.chain import AuditChain; from agent.audit.rows import Deed;"
        "chain = AuditChain(Path(sys.argv[1]), SystemClock());"
        "[chain.append(Deed.BYPASSED, sys.argv[2], 'x') for _ in range(20)]"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name])
        for name in ("anna", "bert")
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    report = verify_folder(tmp_path)
    assert report.sound, report.faults
    assert report.rows == 41


def test_a_full_disk_is_an_error_and_leaves_a_chain_that_goes_on(folder, monkeypatch):
    """Half a row on the disk is closed off once there is room."""
    chain = AuditChain(folder, ManualClock())
    real_write = os.write

    def half(descriptor, content):
        if len(content) < 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(descriptor, content[: len(content) - 50])

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(LedgerError, match="No space left"):
        chain.append(Deed.STOPPED, "anna", "stopped")
    monkeypatch.undo()
    head = chain.append(Deed.STOPPED, "anna", "stopped")
    report = verify_folder(folder)
    assert report.sound, report.faults
    assert (report.head, head.number) == (head, ROWS + 2)


def test_a_chain_that_another_process_holds_is_an_error_in_bounded_time(folder):
    """Nobody waits for ever."""
    with (folder / CHAIN_NAME).open("rb") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(LedgerError, match="holds it"):
            AuditChain(folder, ManualClock()).append(Deed.STOPPED, "anna", "stopped")


def test_a_link_in_the_chains_place_is_not_followed(tmp_path):
    """Nobody makes the agent append to another file."""
    (tmp_path / "other").write_bytes(b"")
    (tmp_path / CHAIN_NAME).symlink_to("other")
    with pytest.raises(LedgerError, match="cannot write the audit chain"):
        AuditChain(tmp_path, ManualClock()).append(Deed.STARTED, "anna", "x")
    assert (tmp_path / "other").read_bytes() == b""


@settings(max_examples=40, deadline=None)
@given(
    who=st.text(max_size=300),
    text=st.text(max_size=800),
    detail=st.dictionaries(st.text(max_size=300), st.text(max_size=300), max_size=12),
)
def test_any_text_can_be_noted(who, text, detail):
    """Control characters, other alphabets, lone surrogates: the chain stays sound."""
    with tempfile.TemporaryDirectory() as name:
        chain = AuditChain(Path(name), ManualClock(), "boot-a")
        head = chain.append(Deed.SETTINGS, who, text, detail=detail)
        report = verify_folder(Path(name))
        assert report.sound, report.faults
        assert report.head == head


def test_the_account_is_named(monkeypatch):
    """Who called sudo is named with the account that runs."""
    monkeypatch.setenv("SUDO_USER", "anna")
    assert who_runs().startswith("anna as ")
    monkeypatch.delenv("SUDO_USER")
    assert " as " not in who_runs()


def test_the_head_is_the_latest_row_whoever_wrote_it(tmp_path):
    """A technician's command appends beside the agent; a head that was cut down says nothing."""
    ours = fill(tmp_path)
    assert ours.head.number == ROWS
    theirs = AuditChain(tmp_path, ManualClock()).append(Deed.BYPASSED, "anna", "bypassed")
    assert ours.head == theirs
    ours_again = ours.append(Deed.RESUMED, "anna", "resumed")
    (tmp_path / HEAD_NAME).write_bytes(encode_head(parse_line(lines_of(tmp_path)[0][:-1]).head))
    assert ours.head == ours_again
