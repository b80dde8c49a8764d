"""Files beside the ledger: durable replacement, the lock, the ballast, and what is set aside."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from pathlib import Path

from agent.errors import LedgerError

LEDGER_NAME = "ledger.sqlite"
LOCK_NAME = "ledger.lock"
BALLAST_NAME = "ballast"
ASIDE_PREFIX = "aside-"
PAGE_BYTES = 4096
FEWEST_WAL_PAGES = 128


def sync_folder(folder: Path) -> None:
    """Make the folder's entries durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_durably(path: Path, content: bytes) -> None:
    """Replace a small file so that a power cut leaves the old or the new one. Raises OSError."""
    temporary = path.with_name(path.name + ".new")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def host_boot_id() -> str:
    """Return the id of this start of the machine: monotonic times of another cannot be compared."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return "unknown"


class FolderLock:
    """Holds the ledger's folder for one process; the kernel lets go of it when that dies."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise LedgerError(
                f"the ledger's folder {folder} is missing: make it, or mount its disk"
            )
        path = folder / LOCK_NAME
        try:
            self._file = path.open("a+", encoding="ascii")
        except OSError as error:
            raise LedgerError(
                f"the ledger's folder {folder} cannot be written: {error.strerror}"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = lock_holder(folder)
            self._file.close()
            raise LedgerError(
                f"another agent{holder} runs on the ledger in {folder}: stop it first"
            ) from error
        except OSError as error:
            self._file.close()
            raise LedgerError(
                f"the ledger's folder {folder} cannot be locked against a second agent: "
                f"{error.strerror}; put it on a disk of this machine"
            ) from error
        # A full disk has no room for our number, which only serves the first sentence above.
        with suppress(OSError):
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n")
            self._file.flush()

    def release(self) -> None:
        """Let go of the folder."""
        with suppress(OSError):  # the number of a lock taken on a full disk was never written
            self._file.close()


def lock_holder(folder: Path) -> str:
    """Return ` (process N)` for who last locked a ledger's folder; empty where none says so."""
    with suppress(OSError, ValueError):
        return f" (process {int((folder / LOCK_NAME).read_text('ascii'))})"
    return ""


class Ballast:
    """Room kept for the worst moment: a full disk refuses to delete rows as well."""

    def __init__(self, folder: Path, size: int) -> None:
        self._path = folder / BALLAST_NAME
        self._size = size

    @property
    def wal_pages(self) -> int:
        """Return how large the -wal may grow so that moving it needs no more than the ballast."""
        return max(FEWEST_WAL_PAGES, self._size * 3 // 4 // PAGE_BYTES)

    def restore(self) -> bool:
        """Take up the room; False when there is not enough."""
        try:
            if self._path.exists() and self._path.stat().st_size == self._size:
                return True
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> bool:
        """Give the room to the ledger; False when there was none."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True


def set_aside(folder: Path, wall_ns: int) -> Path:
    """Move database, -wal and -shm together into a folder with the date. Raises OSError."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(max(0, wall_ns) // 1_000_000_000))
    aside = folder / f"{ASIDE_PREFIX}{stamp}"
    number = 1
    while aside.exists():
        number += 1
        aside = folder / f"{ASIDE_PREFIX}{stamp}-{number}"
    aside.mkdir()
    for suffix in ("", "-wal", "-shm"):
        path = folder / (LEDGER_NAME + suffix)
        if path.exists():
            path.rename(aside / path.name)
    sync_folder(aside)
    sync_folder(folder)
    return aside
