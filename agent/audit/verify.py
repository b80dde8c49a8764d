"""Verifies an audit chain: a gap, an edit, a change of order or a cut is found and named."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.audit.rows import (
    BEFORE_FIRST,
    CHAIN_NAME,
    HEAD_NAME,
    AuditHead,
    AuditRow,
    Deed,
    LinkedRow,
    parse_head,
    parse_line,
)
from agent.errors import LedgerError

LARGEST_CHAIN = 64 * 1024 * 1024
LARGEST_HEAD = 1024


@dataclass(frozen=True, slots=True)
class ChainFault:
    """What is wrong with a chain, and at which row."""

    row: int
    text: str


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What a chain holds. `tail` are bytes after its last row that are none; `notices` no faults.

    `faults` stand in the order of their rows.
    """

    rows: int
    head: AuditHead | None
    faults: tuple[ChainFault, ...]
    notices: tuple[str, ...]
    tail: bytes

    @property
    def sound(self) -> bool:
        """Whether every row is what it was when it was written, as far as a chain can show."""
        return not self.faults


def read_chain(path: Path) -> bytes:
    """Return a chain's bytes. Raises LedgerError."""
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= LARGEST_CHAIN else b""
    except OSError as error:
        raise LedgerError(f"cannot read the audit chain {path}: {error.strerror}") from error
    if size > LARGEST_CHAIN:
        raise LedgerError(f"the audit chain {path} has {size} bytes; 64 MiB are the most")
    return content


def read_head(folder: Path) -> AuditHead | None:
    """Return what the file beside the chain says; None when it is missing or damaged."""
    try:
        with (folder / HEAD_NAME).open("rb") as file:
            return parse_head(file.read(LARGEST_HEAD))
    except OSError:
        return None


def last_row(folder: Path, deed: Deed) -> AuditRow | None:
    """Return the last row of a deed as it stands in the chain, verified or not; None for none.

    Raises LedgerError when the chain cannot be read.
    """
    for line in reversed(read_chain(folder / CHAIN_NAME).split(b"\n")):
        linked = parse_line(line)
        if linked is not None and linked.row.deed == deed.value:
            return linked.row
    return None


def rows_with(folder: Path, detail: str) -> list[AuditRow]:
    """Return the rows with a detail, verified or not; none where no chain has begun.

    Raises LedgerError when the chain cannot be read.
    """
    path, key = folder / CHAIN_NAME, f'"{detail}":'.encode("ascii")
    lines = read_chain(path).split(b"\n") if path.exists() else []
    found = [parse_line(line) for line in lines if key in line]
    return [one.row for one in found if one is not None and detail in one.row.detail]


def verify_folder(folder: Path, anchors: Sequence[AuditHead] = ()) -> ChainReport:
    """Verify the chain of a ledger's folder against itself, its head and `anchors`.

    `anchors` are heads that were published once. Raises LedgerError when there is no chain.
    """
    # The head first: a row that is appended in between may only make the chain longer than it.
    head = read_head(folder)
    report = verify_chain(read_chain(folder / CHAIN_NAME), [*anchors, *([head] if head else [])])
    if head is None and report.rows > 1:
        gone = ChainFault(report.rows, f"{HEAD_NAME} is missing: rows at the end may be cut off")
        return _with_faults(report, [gone])
    if report.tail and report.sound:
        size = len(report.tail)
        torn = f"{size} bytes at the end are of a row that a power cut tore: the next row says so"
        return ChainReport(report.rows, report.head, (), (*report.notices, torn), report.tail)
    return report


def verify_file(path: Path, anchors: Sequence[AuditHead] = ()) -> ChainReport:
    """Verify an exported chain against itself and `anchors`. Raises LedgerError."""
    return _with_tail(verify_chain(read_chain(path), anchors))


def verify_chain(content: bytes, anchors: Sequence[AuditHead] = ()) -> ChainReport:
    """Verify the bytes of a chain; what follows its last row is left to the caller."""
    walk = _Walk(anchors)
    for start, line in _lines(content):
        linked = parse_line(line)
        if linked is None:
            walk.damaged(start)
        else:
            walk.row(linked, content, start)
    return walk.report(content)


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each line that ends in a newline, with where it starts."""
    start = 0
    while (end := content.find(b"\n", start)) >= 0:
        yield start, content[start:end]
        start = end + 1


class _Walk:
    """One way through a chain, from its first row on."""

    def __init__(self, anchors: Sequence[AuditHead]) -> None:
        self._anchors = {(anchor.number, anchor.hash) for anchor in anchors}
        self._previous = BEFORE_FIRST
        self._expected = 1
        self._head: AuditHead | None = None
        self._rows = 0
        self._bad_from: int | None = None
        self._faults: list[ChainFault] = []
        self._notices: list[str] = []

    def damaged(self, start: int) -> None:
        """Take note of a line that is no row."""
        if self._bad_from is None:
            self._bad_from = start

    def row(self, linked: LinkedRow, content: bytes, start: int) -> None:
        """Check a row against the one before it, then go on from it whatever it was."""
        follows = linked.follows(self._previous)
        damaged = self._bad_from is not None
        region = content[self._bad_from : start - 1] if damaged else b""
        if linked.row.deed == Deed.BROKEN.value:
            self._fault(self._expected, f"{linked.row.text} (row {linked.row.number} says so)")
        elif damaged and follows and _closes(linked, region):
            self._notices.append(
                f"before row {linked.row.number}: {len(region)} bytes that a power cut tore"
            )
        elif damaged:
            self._fault(self._expected, f"row {self._expected} is damaged")
        self._check_place(linked, follows=follows, after_damage=damaged)
        self._bad_from = None
        self._previous, self._head = linked.hash, linked.head
        self._expected = linked.row.number + 1
        self._rows += 1
        self._anchors.discard((linked.row.number, linked.hash))

    def report(self, content: bytes) -> ChainReport:
        """Return what was found once all lines are through."""
        for number, _ in sorted(self._anchors):
            self._unmet(number)
        tail_at = content.rfind(b"\n") + 1 if self._bad_from is None else self._bad_from
        faults = sorted(self._faults, key=lambda fault: fault.row)
        return ChainReport(
            self._rows, self._head, tuple(faults), tuple(self._notices), content[tail_at:]
        )

    def _unmet(self, number: int) -> None:
        """Note that a row whose hash was published is not there, or is another."""
        first = self._expected
        if number < first:
            self._fault(number, f"row {number} is not the one whose hash was published")
        elif number == first:
            self._fault(first, f"row {first} was written and is damaged or cut off")
        else:
            self._fault(first, f"rows {first} to {number} were written and are damaged or cut off")

    def _check_place(self, linked: LinkedRow, *, follows: bool, after_damage: bool) -> None:
        number, expected = linked.row.number, self._expected
        if number > expected and linked.row.deed != Deed.BROKEN.value and not after_damage:
            self._fault(expected, f"rows are missing: after {expected - 1} comes {number}")
        elif number < expected:
            self._fault(number, f"row {number} stands after row {expected - 1}")
        elif not follows and not after_damage:
            self._fault(number, f"row {number} does not follow: it, or the one before, was altered")

    def _fault(self, row: int, text: str) -> None:
        self._faults.append(ChainFault(row, text))


def _closes(linked: LinkedRow, region: bytes) -> bool:
    """Whether a row says of these bytes that a power cut left them."""
    told = (linked.row.detail.get("bytes"), linked.row.detail.get("sha256"))
    found = (str(len(region)), hashlib.sha256(region).hexdigest())
    return linked.row.deed == Deed.TORN.value and told == found


def _with_tail(report: ChainReport) -> ChainReport:
    if not report.tail:
        return report
    row = report.head.number + 1 if report.head else 1
    return _with_faults(report, [ChainFault(row, f"row {row} is damaged or torn")])


def _with_faults(report: ChainReport, more: Sequence[ChainFault]) -> ChainReport:
    faults = sorted([*report.faults, *more], key=lambda fault: fault.row)
    return ChainReport(report.rows, report.head, tuple(faults), report.notices, report.tail)
