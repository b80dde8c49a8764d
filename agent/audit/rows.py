"""Rows of the audit chain: their bytes, and the hash that links each to the one before."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from pydantic import BaseModel, ConfigDict, Field, ValidationError

CHAIN_NAME = "audit.jsonl"
HEAD_NAME = "audit.head"
BEFORE_FIRST = "0" * 64
LONGEST_TEXT = 500
LONGEST_WORD = 200
MOST_DETAILS = 8

# A line is {"hash":"<64 digits>","row":<canonical JSON>}: JSON to a program, and in fixed columns
# for whoever checks it with sha256sum.
_START, _MIDDLE, _END = b'{"hash":"', b'","row":', b"}"
_ANCHOR = re.compile(r"\baudit row (\d{1,18}):([0-9a-f]{64})\b")


class Deed(str, Enum):
    """What somebody did that an auditor asks about."""

    BEGUN = "begun"  # the chain itself: its first row
    STARTED = "started"
    STOPPED = "stopped"
    PAUSED = "paused"
    BYPASSED = "bypassed"
    LATCHED = "latched"  # the line by its own gate, which did not do what it was told
    RESUMED = "resumed"
    TRUST = "trust"  # the keys whose models are taken
    THRESHOLD = "threshold"
    MODEL = "model"
    FLASHED = "flashed"  # a new model, which judges on probation
    CONFIRMED = "confirmed"
    ROLLED_BACK = "rolled_back"
    SHADOWED = "shadowed"  # a model beside the one that judges, begun or ended
    MISSED = "missed"  # deeds on the slots of which nothing is known but how many they were
    SETTINGS = "settings"
    FIRED = "fired"  # the gate, for a test
    DRILLED = "drilled"  # its fail-safe wiring
    TORN = "torn"  # bytes before this row are what a power cut left of one
    BROKEN = "broken"  # rows before this one, once durable, were altered or cut off


@dataclass(frozen=True, slots=True)
class AuditHead:
    """The last row of a chain: whoever knows it can prove that nothing before it was altered."""

    number: int
    hash: str

    @property
    def text(self) -> str:
        """Return it as NUMBER:HASH."""
        return f"{self.number}:{self.hash}"


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One deed. `at` is the wall clock's word for it; `number` says the order."""

    number: int
    at: str
    clock_ok: bool
    host_boot: str
    at_ns: int
    who: str
    deed: str
    text: str
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LinkedRow:
    """A row as it stands in the file: with its hash, and the bytes which that was made of."""

    row: AuditRow
    hash: str
    body: bytes

    def follows(self, previous: str) -> bool:
        """Whether the hash is that of the row after one with the hash `previous`."""
        return self.hash == link(previous, self.body)

    @property
    def head(self) -> AuditHead:
        """Return the row as the end of a chain."""
        return AuditHead(self.row.number, self.hash)


class _RowFile(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    number: int = Field(ge=1, lt=2**62)
    at: str
    clock_ok: bool
    host_boot: str
    at_ns: int
    who: str
    deed: str = Field(pattern=r"^[a-z_]{1,32}$")
    text: str
    detail: dict[str, str]


class _HeadFile(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")
    number: int = Field(ge=1, lt=2**62)
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")


def link(previous: str, body: bytes) -> str:
    """Return the hash of a row: SHA-256 over the previous hash's digits and the row's bytes."""
    return hashlib.sha256(previous.encode("ascii") + body).hexdigest()


def encode_row(row: AuditRow, previous: str) -> tuple[bytes, AuditHead]:
    """Return a row's line, its newline included, and the chain's head after it."""
    body = _body(row)
    digest = link(previous, body)
    line = _START + digest.encode("ascii") + _MIDDLE + body + _END + b"\n"
    return line, AuditHead(row.number, digest)


def parse_line(line: bytes) -> LinkedRow | None:
    """Return the row of a line without its newline; None for what is no row byte for byte."""
    start = len(_START) + 64
    body_at = start + len(_MIDDLE)
    framed = line.startswith(_START) and line[start:body_at] == _MIDDLE and line.endswith(_END)
    if not framed:
        return None
    body = line[body_at : -len(_END)]
    try:
        parsed = _RowFile.model_validate_json(body)
        row = AuditRow(**parsed.model_dump())
        digest = line[len(_START) : start].decode("ascii")
        # One row has one spelling only, so that no other bytes can pass for it.
        if _body(row) != body or not re.fullmatch("[0-9a-f]{64}", digest):
            return None
    except (ValidationError, UnicodeError):
        return None
    return LinkedRow(row, digest, body)


def encode_head(head: AuditHead) -> bytes:
    """Return what the file beside the chain holds."""
    return _HeadFile(number=head.number, hash=head.hash).model_dump_json().encode("ascii") + b"\n"


def parse_head(content: bytes) -> AuditHead | None:
    """Return the head from its file; None when that is damaged."""
    try:
        parsed = _HeadFile.model_validate_json(content)
    except ValidationError:
        return None
    return AuditHead(parsed.number, parsed.hash)


def anchor_text(head: AuditHead) -> str:
    """Return how a message or an event names a chain's head, for `find_anchors` to find."""
    return f"audit row {head.text}"


def find_anchors(text: str) -> list[AuditHead]:
    """Return the heads that a text names."""
    return [AuditHead(int(number), digest) for number, digest in _ANCHOR.findall(text)]


def _body(row: AuditRow) -> bytes:
    content = {
        "number": row.number,
        "at": row.at,
        "clock_ok": row.clock_ok,
        "host_boot": row.host_boot,
        "at_ns": row.at_ns,
        "who": row.who,
        "deed": row.deed,
        "text": row.text,
        "detail": dict(row.detail),
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode("ascii")
