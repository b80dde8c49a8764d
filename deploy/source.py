"""Fetch the new model's bytes, once: from a file, a folder, a USB stick, a server, a shadow."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bundle.container import MAX_ARCHIVE_BYTES
from deploy.clock import Clock
from deploy.download import Tell, download, shown
from deploy.errors import SourceError
from deploy.mounts import Mount, mounted_at, read_mounts, sticks

USB = "usb"
SUFFIX = ".lwb"
_BLOCK = 256 * 1024
_GONE = {errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN, errno.ENOMEDIUM}


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched: the bytes that everything after works on, and where they came from."""

    name: str
    data: bytes


def fetch(
    text: str, clock: Clock, tell: Tell, mounts: Callable[[], list[Mount]] = read_mounts
) -> Fetched:
    """Fetch a bundle from a file, folder, URL, device or, for `usb`, the one stick there is.

    Raises SourceError.
    """
    if "://" in text:
        if not text.lower().startswith(("http://", "https://")):
            raise SourceError(f"{text.partition(':')[0]}:// is not read: give an http(s) address")
        return Fetched(shown(text), download(text, clock, tell))
    path = _locate(text, mounts)
    return Fetched(str(path), read_file(path, tell))


def read_file(path: Path, tell: Tell) -> bytes:
    """Read a file to its end, block by block. Raises SourceError."""
    data = bytearray()
    try:
        # A pipe or a terminal would keep us waiting for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            facts = os.fstat(descriptor)
            _check_file(path, facts)
            while block := file.read(_BLOCK):
                data += block
                _check_size(path, len(data))
                tell(len(data), facts.st_size)
    except OSError as error:
        raise SourceError(_unreadable(path, error, bool(data))) from error
    if len(data) < facts.st_size:
        raise SourceError(f"{path} ended early, at {len(data)} of {facts.st_size} bytes: try again")
    return bytes(data)


def _check_file(path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise SourceError(f"{path} is no file: give a {SUFFIX} file")
    _check_size(path, facts.st_size)


def _check_size(path: Path, size: int) -> None:
    if size > MAX_ARCHIVE_BYTES:
        raise SourceError(
            f"{path} has {size} bytes or more; a bundle has at most {MAX_ARCHIVE_BYTES}: "
            "is it the right file?"
        )


def _unreadable(path: Path, error: OSError, begun: bool) -> str:  # noqa: FBT001, private
    if error.errno in _GONE or (begun and error.errno == errno.ENOENT):
        return (
            f"{path} went away while it was read ({error.strerror}): "
            "was the stick pulled out? Plug it in again; nothing was changed"
        )
    if error.errno == errno.ENOENT:
        return f"there is no {path}: look at its name, and whether the stick is plugged in"
    return f"cannot read {path}: {error.strerror}"


def _locate(text: str, mounts: Callable[[], list[Mount]]) -> Path:
    path = Path(text)
    if text.lower() == USB and not path.exists():
        return _only_bundle(_only_stick(sticks(mounts())))
    if path.is_absolute() and path.parts[1:2] == ("dev",) and not path.is_file():
        path = mounted_at(path, mounts())
    return _only_bundle(path) if path.is_dir() else path


def _only_stick(folders: list[Path]) -> Path:
    if not folders:
        raise SourceError("no USB stick is mounted: plug it in, or give the path of the file")
    if len(folders) > 1:
        raise SourceError(f"several sticks are mounted: give one of {_listed(folders)}")
    return folders[0]


def _only_bundle(folder: Path) -> Path:
    """Return the one bundle of a folder; what a Mac leaves beside it (`._x.lwb`) is none."""
    try:
        found = sorted(
            each
            for each in folder.iterdir()
            if each.suffix.lower() == SUFFIX and not each.name.startswith(".")
        )
    except OSError as error:
        raise SourceError(_unreadable(folder, error, begun=True)) from error
    if not found:
        raise SourceError(f"no {SUFFIX} file lies in {folder}: copy one there, not in a folder")
    if len(found) > 1:
        raise SourceError(f"several models lie in {folder}: give one of {_listed(found)}")
    return found[0]


def _listed(paths: list[Path]) -> str:
    return ", ".join(str(path) for path in paths[:5]) + (", ..." if len(paths) > 5 else "")
