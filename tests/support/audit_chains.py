"""Audit chains for tests: made, laid out in a folder, taken apart and put together again."""

from __future__ import annotations

import tempfile
from pathlib import Path

from agent.audit.chain import AuditChain
from agent.audit.rows import CHAIN_NAME, HEAD_NAME, Deed
from agent.audit.verify import ChainReport, verify_folder
from agent.clock import ManualClock

DEEDS = [Deed.STARTED, Deed.MODEL, Deed.THRESHOLD, Deed.BYPASSED, Deed.RESUMED, Deed.STOPPED]
ROWS = 1 + len(DEEDS)

Made = tuple[list[bytes], bytes]


def fill(folder: Path, deeds: list[Deed] = DEEDS) -> AuditChain:
    """Append some rows and return the chain."""
    clock = ManualClock()
    chain = AuditChain(folder, clock, "boot-a")
    for deed in deeds:
        clock.advance(10**9)
        chain.append(deed, "anna", f"the line was {deed.value}", detail={"was": "0.4"})
    return chain


def made_in(folder: Path) -> Made:
    """Return the lines and the head's file of a sound chain."""
    fill(folder)
    return lines_of(folder), (folder / HEAD_NAME).read_bytes()


def lay_out(folder: Path, made: Made) -> Path:
    """Write a chain into a folder of its own."""
    put(folder, made[0])
    (folder / HEAD_NAME).write_bytes(made[1])
    return folder


def lines_of(folder: Path) -> list[bytes]:
    """Return the chain's lines, newlines included."""
    return (folder / CHAIN_NAME).read_bytes().splitlines(keepends=True)


def put(folder: Path, lines: list[bytes]) -> None:
    """Replace the chain's file."""
    (folder / CHAIN_NAME).write_bytes(b"".join(lines))


def verified(lines: list[bytes], head: bytes) -> ChainReport:
    """Verify a chain and its noted head in a folder of their own."""
    with tempfile.TemporaryDirectory() as name:
        return verify_folder(lay_out(Path(name), (lines, head)))
