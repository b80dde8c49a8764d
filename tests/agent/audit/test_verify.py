"""Verifying the audit chain: whatever was done to it after appending is found and named."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import pytest
from audit_chains import ROWS, lay_out, lines_of, made_in, put, verified
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.audit.chain import AuditChain
from agent.audit.rows import (
    BEFORE_FIRST,
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
from agent.audit.verify import last_row, verify_chain, verify_file, verify_folder
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


def test_a_missing_head_is_told(folder):
    """Without it nobody can say whether the end was cut off."""
    (folder / HEAD_NAME).unlink()
    assert HEAD_NAME in verify_folder(folder).faults[0].text


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


def test_the_last_row_of_a_deed_is_found(folder):
    """By its kind, also after others; none where there was none or the bytes are no row."""
    AuditChain(folder, ManualClock()).append(Deed.MODEL, "bert", "casting-2")
    AuditChain(folder, ManualClock()).append(Deed.STOPPED, "bert", "stopped")
    assert last_row(folder, Deed.MODEL).who == "bert"
    assert last_row(folder, Deed.THRESHOLD).who == "anna"
    assert last_row(folder, Deed.SETTINGS) is None
    put(folder, [b"\xff\n", b"{}\n"])
    assert last_row(folder, Deed.MODEL) is None
