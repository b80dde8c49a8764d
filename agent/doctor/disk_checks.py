"""Whether the ledger's disk has room, takes our files, and how long it takes to keep them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from statistics import median

from agent.clock import Clock
from agent.doctor.finding import Finding, fault, ok, warning

MIB = 1024 * 1024
FULL_BYTES, TIGHT_BYTES = 64 * MIB, 1024 * MIB
SLOW_MS = 100.0
_WRITES, _WRITE_BYTES = 9, 4096
_MAKE_ROOM = "make room: `du -xh / | sort -h | tail` shows what is large"


def check_disk(folder: Path, clock: Clock) -> list[Finding]:
    """Look at the room of the ledger's disk, and time a few durable writes to it."""
    if not folder.is_dir():
        return [fault("disk", f"there is no {folder}", f"`sudo mkdir -p {folder}`")]
    if not os.access(folder, os.W_OK | os.X_OK):
        following = f"`sudo chown -R linewarden {folder}`, or run this with sudo"
        return [fault("disk", f"{folder} cannot be written by us", following)]
    return [_room(folder), _pace(folder, clock)]


def _room(folder: Path) -> Finding:
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    text = f"{free / MIB:.0f} MiB free at {folder}"
    if disk.f_files and not disk.f_favail:
        return fault("disk", f"no more files fit onto the disk of {folder}", _MAKE_ROOM)
    if free < FULL_BYTES:
        return fault("disk", f"{text}: what cannot be recorded is rejected", _MAKE_ROOM)
    if free < TIGHT_BYTES:
        return warning("disk", text, _MAKE_ROOM)
    return ok("disk", text)


def _pace(folder: Path, clock: Clock) -> Finding:
    """Time writes that are on the medium when they return, as the ledger needs them."""
    path = folder / f".doctor.{os.getpid()}.tmp"
    try:
        times_ms = [_write_ms(path, clock) for _ in range(_WRITES)]
    except OSError as error:
        text = f"{folder} takes no file: {error.strerror}"
        return fault("disk pace", text, "look at `dmesg | tail`: is it mounted read-only?")
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    middle_ms, worst_ms = median(times_ms), max(times_ms)
    text = f"a durable write takes {middle_ms:.1f} ms, at worst {worst_ms:.1f}"
    if middle_ms > SLOW_MS:
        following = "raise ledger.group_ms, or use an industrial card or an SSD"
        return warning("disk pace", text, following)
    return ok("disk pace", text)


def _write_ms(path: Path, clock: Clock) -> float:
    begin_ns = clock.now_ns()
    with path.open("wb") as file:
        file.write(os.urandom(_WRITE_BYTES))
        file.flush()
        os.fsync(file.fileno())
    return (clock.now_ns() - begin_ns) / 1e6
