"""Who started, stopped, bypassed or changed the line: a chain of rows, each durable when told."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import pwd
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from agent.audit.rows import (
    BEFORE_FIRST,
    CHAIN_NAME,
    HEAD_NAME,
    LONGEST_TEXT,
    LONGEST_WORD,
    MOST_DETAILS,
    AuditHead,
    AuditRow,
    Deed,
    encode_head,
    encode_row,
)
from agent.audit.verify import read_chain, read_head, verify_chain
from agent.clock import Clock
from agent.errors import LedgerError
from agent.ledger.disk import host_boot_id, replace_durably, sync_folder
from agent.wall_time import iso_time

LOCK_TRIES = 200
LOCK_PAUSE_S = 0.01

# A file of its own rather than a table: it outlives a ledger that is set aside, the commands of a
# technician append to it beside the agent, `chattr +a` can hold it, and sha256sum can check it.


class AuditChain:
    """The chain in the ledger's folder. Any process may append; each row is synced at once."""

    def __init__(self, folder: Path, clock: Clock, host_boot: str | None = None) -> None:
        self._folder = folder
        self._path = folder / CHAIN_NAME
        self._clock = clock
        self._host_boot = host_boot or host_boot_id()
        self._size = -1  # of the file after our own last row
        self._head: AuditHead | None = None

    @property
    def head(self) -> AuditHead | None:
        """Return the chain's last row: our own, or another process's later one; None for none.

        Publish it: against a copy that is out of reach nobody can rewrite the chain unseen.
        """
        own, noted = self._head, read_head(self._folder)
        if own is None or noted is None:
            return own or noted
        return noted if noted.number > own.number else own

    def append(
        self,
        deed: Deed,
        who: str,
        text: str,
        *,
        detail: Mapping[str, str] | None = None,
        clock_ok: bool = True,
    ) -> AuditHead:
        """Add a row durably and return the new head. Raises LedgerError: the row is not there.

        `detail` says what was and what is now, in a few words each. What a power cut or a hand
        has left at the end is closed off first, by a row that says so.
        """
        try:
            with self._opened() as descriptor:
                return self._append(descriptor, deed, who, text, detail or {}, clock_ok=clock_ok)
        except OSError as error:
            self._size = -1
            raise LedgerError(
                f"cannot write the audit chain {self._path}: {error.strerror or error}"
            ) from error

    def _append(
        self,
        descriptor: int,
        deed: Deed,
        who: str,
        text: str,
        detail: Mapping[str, str],
        *,
        clock_ok: bool,
    ) -> AuditHead:
        first, last = self._first_lines(descriptor)
        if first:
            self._keep(descriptor, first, last)
        number = last.number + 1
        line, head = self._line(number, last.hash, deed, who, text, detail, clock_ok=clock_ok)
        self._keep(descriptor, line, head)
        return head

    def _keep(self, descriptor: int, lines: bytes, head: AuditHead) -> None:
        """Make lines durable, then the head: it never names a row that is not there."""
        _write_all(descriptor, lines)
        os.fsync(descriptor)
        self._size, self._head = os.fstat(descriptor).st_size, head
        replace_durably(self._folder / HEAD_NAME, encode_head(head))
        _hand_over(self._folder, self._folder / HEAD_NAME)

    def _first_lines(self, descriptor: int) -> tuple[bytes, AuditHead]:
        """Return what must be written before the next row, and the head after that."""
        noted = read_head(self._folder)
        unchanged = os.fstat(descriptor).st_size == self._size and noted == self._head
        if unchanged and self._head is not None:
            return b"", self._head
        report = verify_chain(read_chain(self._path))
        last = report.head or AuditHead(0, BEFORE_FIRST)
        lost = noted is not None and noted.number > last.number
        if noted is not None and lost:
            return self._closing_broken(report.tail, last, noted)
        if report.tail:
            return self._closing_torn(report.tail, last)
        if not report.rows:
            return self._begun(last)
        return b"", last

    def _begun(self, last: AuditHead) -> tuple[bytes, AuditHead]:
        detail = {"chain": secrets.token_hex(8)}
        return self._line(1, last.hash, Deed.BEGUN, "linewarden", "the chain begins", detail)

    def _closing_torn(self, tail: bytes, last: AuditHead) -> tuple[bytes, AuditHead]:
        detail = {"bytes": str(len(tail)), "sha256": hashlib.sha256(tail).hexdigest()}
        text = "a power cut tore the bytes before this row"
        number = last.number + 1
        line, head = self._line(number, last.hash, Deed.TORN, "linewarden", text, detail)
        return b"\n" + line, head

    def _closing_broken(
        self, tail: bytes, last: AuditHead, noted: AuditHead
    ) -> tuple[bytes, AuditHead]:
        """Go on above the rows that were there: their numbers are never used again."""
        text = f"rows {last.number + 1} to {noted.number} were written and are altered or cut off"
        detail = {"bytes": str(len(tail)), "noted": noted.text}
        number = noted.number + 1
        line, head = self._line(number, last.hash, Deed.BROKEN, "linewarden", text, detail)
        return (b"\n" if tail else b"") + line, head

    def _line(
        self,
        number: int,
        previous: str,
        deed: Deed,
        who: str,
        text: str,
        detail: Mapping[str, str],
        *,
        clock_ok: bool = True,
    ) -> tuple[bytes, AuditHead]:
        kept = list(detail.items())[:MOST_DETAILS]
        row = AuditRow(
            number=number,
            at=iso_time(self._clock.wall_ns()),
            clock_ok=clock_ok,
            host_boot=self._host_boot,
            at_ns=self._clock.now_ns(),
            who=_text(who, LONGEST_WORD),
            deed=deed.value,
            text=_text(text, LONGEST_TEXT),
            detail={_text(key, LONGEST_WORD): _text(word, LONGEST_WORD) for key, word in kept},
        )
        return encode_row(row, previous)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Open the file for appending while no other process does. Raises OSError."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o640)
        try:
            self._lock(descriptor)
            if not os.fstat(descriptor).st_size:
                _hand_over(self._folder, self._path)
                sync_folder(self._folder)
            yield descriptor
        finally:
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        for _ in range(LOCK_TRIES):
            if _locked(descriptor):
                return
            self._clock.sleep(LOCK_PAUSE_S)
        raise OSError(errno.EBUSY, "another process holds it")


def who_runs() -> str:
    """Return who started this process, for the row: the account, and who called sudo for it."""
    try:
        account = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        account = f"user {os.getuid()}"
    asked = os.environ.get("SUDO_USER", "")
    return f"{asked} as {account}" if asked else account


def _text(text: str, longest: int) -> str:
    """Cut a text, and let nothing into it that JSON cannot carry."""
    return text.encode("utf-8", "replace").decode("utf-8")[:longest]


def _hand_over(folder: Path, path: Path) -> None:
    """Give a file that root has made to whoever owns the folder: the agent is not root."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
