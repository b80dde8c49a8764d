"""The audit chain: what was appended stays, and whatever is done to it afterwards is found."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audit_chain import AuditChain, who_runs
from agent.audit_rows import (
    BEFORE_FIRST,
    CHAIN_NAME,
    HEAD_NAME,
    AuditHead,
    AuditRow,
    Deed,
    anchor_text,
    encode_head,
    encode_row,
    find_anchors,
    parse_head,
    parse_line,
)
from agent.audit_verify import verify_chain, verify_file, verify_folder
from agent.clock import ManualClock
from agent.errors import LedgerError

DEEDS = [Deed.STARTED, Deed.MODEL, Deed.THRESHOLD, Deed.BYPASSED, Deed.RESUMED, Deed.STOPPED]
ROWS = 1 + len(DEEDS)


def fill(folder, deeds=DEEDS):
    """Append some rows and return the chain."""
    clock = ManualClock()
    chain = AuditChain(folder, clock, "boot-a")
    for deed in deeds:
        clock.advance(10**9)
        chain.append(deed, "anna", f"the line was {deed.value}", detail={"was": "0.4"})
    return chain


def lines_of(folder):
    """Return the chain's lines, newlines included."""
    return (folder / CHAIN_NAME).read_bytes().splitlines(keepends=True)


def put(folder, lines):
    """Replace the chain's file."""
    (folder / CHAIN_NAME).write_bytes(b"".join(lines))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return the lines and the head's file of a sound chain."""
    folder = tmp_path_factory.mktemp("chain")
    fill(folder)
    return lines_of(folder), (folder / HEAD_NAME).read_bytes()


@pytest.fixture
def folder(tmp_path, made):
    """Return a folder of its own with that chain."""
    lines, head = made
    put(tmp_path, lines)
    (tmp_path / HEAD_NAME).write_bytes(head)
    return tmp_path


def test_a_chain_that_nobody_touched_is_sound(folder):
    """Every row follows the one before; the last is the head that is published."""
    report = verify_folder(folder)
    assert report.sound
    assert report.rows == ROWS
    assert report.notices == ()
    assert report.head == AuditChain(folder, ManualClock()).head
    first = parse_line(lines_of(folder)[0][:-1])
    assert (first.row.deed, first.row.number) == ("begun", 1)


def test_each_hash_can_be_checked_with_sha256_alone(folder):
    """SHA-256 over the previous hash's digits and the row's bytes, in fixed columns."""
    previous = BEFORE_FIRST
    for line in lines_of(folder):
        digest, body = line[9:73].decode(), line[81:-2]
        assert hashlib.sha256(previous.encode() + body).hexdigest() == digest
        assert json.loads(line) == {"hash": digest, "row": json.loads(body)}
        previous = digest


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_changed_byte_is_found_and_its_row_named(made, data):
    """Whatever byte of whatever row becomes another: the row, or the one after, is named."""
    lines, head = list(made[0]), made[1]
    row = data.draw(st.integers(0, ROWS - 1))
    at = data.draw(st.integers(0, len(lines[row]) - 1))
    changed = bytearray(lines[row])
    changed[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != changed[at]))
    lines[row] = bytes(changed)
    report = verified(lines, head)
    assert not report.sound
    assert report.faults[0].row == row + 1


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_edited_row_is_found_even_with_its_hash_made_anew(made, data):
    """Who makes the hash of one row anew breaks the next; at the end, the noted head."""
    lines, head = list(made[0]), made[1]
    at = data.draw(st.integers(0, ROWS - 1))
    linked = parse_line(lines[at][:-1])
    who = data.draw(st.text(max_size=20).filter(lambda text: text != linked.row.who))
    previous = parse_line(lines[at - 1][:-1]).hash if at else BEFORE_FIRST
    fields = {name: getattr(linked.row, name) for name in AuditRow.__slots__}
    fields["who"] = who.encode("utf-8", "replace").decode()
    lines[at] = encode_row(AuditRow(**fields), previous)[0]
    report = verified(lines, head)
    assert not report.sound
    assert report.faults[0].row in {at + 1, at + 2}


@pytest.mark.parametrize("gone", range(ROWS))
def test_every_row_taken_out_is_found_and_named(made, gone):
    """Also the last, which only the noted head remembers."""
    lines, head = list(made[0]), made[1]
    del lines[gone]
    assert verified(lines, head).faults[0].row == gone + 1


@pytest.mark.parametrize("cut", range(ROWS))
def test_every_cut_at_the_end_is_found(made, cut):
    """Rows cut off at the end are missing from under the noted head."""
    assert verified(made[0][:cut], made[1]).faults[0].row == cut + 1


@pytest.mark.parametrize(
    ("one", "other"), [(a, b) for a in range(ROWS) for b in range(a + 1, ROWS)]
)
def test_every_two_rows_swapped_are_found_and_the_first_named(made, one, other):
    """Order is part of what is proven."""
    lines, head = list(made[0]), made[1]
    lines[one], lines[other] = lines[other], lines[one]
    assert verified(lines, head).faults[0].row == one + 1


@pytest.mark.parametrize("at", range(ROWS + 1))
@pytest.mark.parametrize("junk", [b"\n", b"x\n", b"{}\n", b'{"hash":"","row":{}}\n'])
def test_every_line_put_in_is_found(made, at, junk):
    """Between rows there is nothing, and at the end nothing that a power cut cannot leave."""
    lines, head = list(made[0]), made[1]
    lines.insert(at, junk)
    report = verified(lines, head)
    # At the end it may be what a power cut left: that is told, and the rows before it are whole.
    assert (not report.sound) if at < ROWS else report.notices


def test_a_row_written_twice_is_found(made):
    """The same row again is not the next."""
    lines, head = list(made[0]), made[1]
    lines.insert(3, lines[2])
    assert verified(lines, head).faults[0].row == 3


def test_a_chain_made_anew_from_some_row_on_is_found_by_a_published_head(folder):
    """The chain and its noted head agree again; what the plant has heard does not."""
    published = AuditChain(folder, ManualClock()).head
    linked = [parse_line(line[:-1]) for line in lines_of(folder)]
    previous, lines, head = BEFORE_FIRST, [], None
    for one in linked:
        fields = {name: getattr(one.row, name) for name in AuditRow.__slots__}
        line, head = encode_row(AuditRow(**{**fields, "who": "nobody"}), previous)
        previous = head.hash
        lines.append(line)
    put(folder, lines)
    (folder / HEAD_NAME).write_bytes(encode_head(head))
    assert verify_folder(folder).sound  # what a chain alone cannot prove
    report = verify_folder(folder, [published])
    assert report.faults[0].row == ROWS
    assert "published" in report.faults[0].text


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


def test_a_missing_head_is_told(folder):
    """Without it nobody can say whether the end was cut off."""
    (folder / HEAD_NAME).unlink()
    assert HEAD_NAME in verify_folder(folder).faults[0].text


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
        "from agent.audit_chain import AuditChain; from agent.audit_rows import Deed;"
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


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_junk_is_no_chain_and_no_crash(content):
    """A file of other bytes is either empty or not sound by itself."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "audit.jsonl"
        path.write_bytes(content)
        assert verify_file(path).sound == (content == b"")
        assert verify_chain(content).rows == 0


@pytest.mark.parametrize(
    ("what", "by"),
    [(b'{"at":', b'{ "at":'), (b'"number":2', b'"number":2,"number":2'), (b"anna", b"\\u0061nna")],
)
def test_a_row_has_one_spelling_only(made, what, by):
    """Other bytes that mean the same are no row, even with a hash of their own."""
    line = made[0][1]
    body = line[81:-2].replace(what, by)
    assert body != line[81:-2]
    digest = hashlib.sha256(line[9:73] + body).hexdigest().encode()
    assert parse_line(line[:9] + digest + line[73:81] + body + b"}") is None


def test_an_exported_chain_is_verified_without_its_folder(folder, tmp_path_factory):
    """Its end only against a head that is known otherwise."""
    lines = lines_of(folder)
    head = AuditChain(folder, ManualClock()).head
    path = tmp_path_factory.mktemp("export") / "chain"
    path.write_bytes(b"".join(lines))
    assert verify_file(path, [head]).sound
    path.write_bytes(b"".join(lines[:-1]))
    assert verify_file(path).sound
    assert not verify_file(path, [head]).sound
    path.write_bytes(b"".join(lines) + b"half a ro")
    assert verify_file(path).faults[0].row == ROWS + 1


def test_a_missing_chain_is_said(tmp_path):
    """In a sentence with its path."""
    with pytest.raises(LedgerError, match="cannot read the audit chain"):
        verify_folder(tmp_path)


def test_heads_are_found_in_the_texts_that_name_them():
    """An event's sentence is an anchor."""
    head = AuditHead(12, "ab" * 32)
    assert find_anchors(f"bypassed by anna: {anchor_text(head)}") == [head]
    assert find_anchors("audit row 12:abcd") == []
    assert parse_head(encode_head(head)) == head
    assert parse_head(b"{}") is None


def test_the_account_is_named(monkeypatch):
    """Who called sudo is named with the account that runs."""
    monkeypatch.setenv("SUDO_USER", "anna")
    assert who_runs().startswith("anna as ")
    monkeypatch.delenv("SUDO_USER")
    assert " as " not in who_runs()


def verified(lines, head):
    """Verify a chain and its noted head in a folder of their own."""
    with tempfile.TemporaryDirectory() as name:
        put(Path(name), lines)
        (Path(name) / HEAD_NAME).write_bytes(head)
        return verify_folder(Path(name))
