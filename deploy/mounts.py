"""Where USB sticks are mounted, read from the kernel's list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import SourceError

MOUNTS = Path("/proc/self/mounts")
MEDIA = ("/media/", "/run/media/", "/mnt")
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """A mounted file system: its device and its folder."""

    device: str
    folder: Path


def parse_mounts(text: str) -> list[Mount]:
    """Read the kernel's list; spaces in names stand there as octal numbers."""
    lines = (line.split() for line in text.splitlines())
    return [Mount(_plain(each[0]), Path(_plain(each[1]))) for each in lines if len(each) >= 2]


def read_mounts(path: Path = MOUNTS) -> list[Mount]:
    """Return what is mounted now. Raises SourceError."""
    try:
        return parse_mounts(path.read_text("utf-8", "surrogateescape"))
    except OSError as error:
        raise SourceError(f"cannot see what is mounted: {error.strerror}") from error


def mounted_at(device: Path, mounts: list[Mount]) -> Path:
    """Return the folder of a device, a label under /dev/disk, or a stick's one partition.

    Raises SourceError.
    """
    try:
        real = str(device.resolve(strict=True))
    except (OSError, RuntimeError) as error:
        raise SourceError(f"there is no {device}: is the stick plugged in?") from error
    partition = re.compile(rf"{re.escape(real)}(p?\d+)?")
    found = [each.folder for each in mounts if partition.fullmatch(each.device)]
    if not found:
        raise SourceError(
            f"{device} is not mounted: `sudo mount -o ro {real} /mnt`, then try again"
        )
    return found[0]


def sticks(mounts: list[Mount]) -> list[Path]:
    """Return the folders where removable media are mounted."""
    return [
        each.folder
        for each in mounts
        if each.device.startswith("/dev/") and f"{each.folder}/".startswith(MEDIA)
    ]


def _plain(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match[1], 8)), text)
