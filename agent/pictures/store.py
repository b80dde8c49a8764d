"""Kept pictures under a quota: the oldest make room for the newest."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.errors import AgentError

JPEG_QUALITY = 95
PER_FOLDER = 1000
SUFFIX = ".jpg"
TEMPORARY = ".new"


class PictureStore:
    """JPEGs named by sequence number, in folders of a thousand. One lane calls it.

    A picture is a comfort, a part's row is not: nothing here raises, what could not be kept is
    counted and its sentence stands in `fault`.
    """

    def __init__(self, folder: Path, quota_bytes: int) -> None:
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._kept: deque[tuple[str, int]] = deque()
        self._bytes = 0
        self.failed = 0
        self.fault = ""
        self._scan()

    @property
    def total_bytes(self) -> int:
        """Return how much the kept pictures take up."""
        return self._bytes

    def name(self, seq: int) -> str:
        """Return the name that the picture of a part has, relative to the folder."""
        return f"{seq // PER_FOLDER:07d}/{seq:010d}{SUFFIX}"

    def keep(self, seq: int, pixels: NDArray[np.uint8]) -> str:
        """Write a picture and return its name; empty, and counted, when that failed."""
        if self._quota_bytes == 0:
            return ""
        name = self.name(seq)
        try:
            size = self._store(name, pixels)
        except (AgentError, OSError, cv2.error) as error:
            self.failed += 1
            self.fault = f"cannot keep the picture of part {seq}: {error}"
            return ""
        self._kept.append((name, size))
        self._bytes += size
        self.fault = ""
        return name

    def free(self, wanted_bytes: int) -> int:
        """Delete the oldest pictures until so much is free, for a full disk; returns how much."""
        before = self._bytes
        self._make_room(max(0, before - wanted_bytes))
        return before - self._bytes

    def _store(self, name: str, pixels: NDArray[np.uint8]) -> int:
        encoded = _encode(pixels)
        if len(encoded) > self._quota_bytes:
            raise AgentError(f"it takes {len(encoded)} bytes, more than the quota of all pictures")
        self._make_room(self._quota_bytes - len(encoded))
        _write(self._folder / name, encoded)
        return len(encoded)

    def _make_room(self, at_most_bytes: int) -> None:
        while self._kept and self._bytes > at_most_bytes:
            name, size = self._kept.popleft()
            self._bytes -= size
            path = self._folder / name
            with suppress(OSError):  # whoever removed it already did our work
                path.unlink()
            with suppress(OSError):  # only an empty folder goes
                path.parent.rmdir()

    def _scan(self) -> None:
        """Take over what an earlier life kept, oldest first; half-written pictures go."""
        for folder, folders, files in os.walk(self._folder):
            folders.sort()
            for file in sorted(files):
                self._take_over(Path(folder) / file)
        self._make_room(self._quota_bytes)

    def _take_over(self, path: Path) -> None:
        with suppress(OSError):
            if path.suffix == TEMPORARY:
                path.unlink()
            elif path.suffix == SUFFIX:
                size = path.stat().st_size
                self._kept.append((str(path.relative_to(self._folder)), size))
                self._bytes += size


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    done, encoded = cv2.imencode(SUFFIX, pixels, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise AgentError("OpenCV cannot encode it")
    return encoded.tobytes()


def _write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a power cut may lose it, which is only a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(TEMPORARY)
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
