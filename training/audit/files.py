"""A data folder -> every picture in it with its figures, and every file that is no picture."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from training.audit.cache import AuditCache
from training.audit.measures import LEAST_SIDE_PX, Content, measure_bytes
from training.audit.modes import describe_fault
from training.dataset import class_folders, has_sides
from training.errors import DataError
from training.pictures import decode_picture, is_picture_file

Advance = Callable[[int], None]

MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """A readable picture; `side` is the folder train or test, or empty where there is none."""

    name: str
    label: str
    side: str
    sha256: str
    file_bytes: int
    content: Content


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that should be a picture, and why it is none."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Scan:
    """All pictures of a folder by name; what cannot be read; how many other files lie about."""

    root: Path
    labels: tuple[str, ...]
    pictures: tuple[SeenPicture, ...]
    unreadable: tuple[Unreadable, ...]
    other_files: int

    def representatives(self) -> tuple[int, ...]:
        """Return for each distinct content the first picture by name, in order of the hashes.

        That order does not change with names or folders, so neither does what is made of it.
        """
        first: dict[str, int] = {}
        for place, picture in enumerate(self.pictures):
            first.setdefault(picture.sha256, place)
        return tuple(first[sha] for sha in sorted(first))


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    name: str
    label: str
    side: str


@dataclass(frozen=True, slots=True)
class _Bytes:
    sha256: str
    count: int


def count_files(root: Path) -> int:
    """Return how many picture files there are. Raises DataError without two classes."""
    return len(_list_files(root)[1])


def scan_folder(root: Path, cache: AuditCache, advance: Advance) -> Scan:
    """Read every picture once; figures that the cache has are not made again. Raises DataError."""
    labels, files, others = _list_files(root)
    pictures: list[SeenPicture] = []
    unreadable: list[Unreadable] = []
    with ThreadPoolExecutor(_workers()) as pool:
        hashes = list(pool.map(_hash_file, files))
        known = cache.contents({each.sha256 for each in hashes if isinstance(each, _Bytes)})
        fresh: dict[str, Content] = {}
        tasks = pool.map(lambda file, found: _measure(file, found, known), files, hashes)
        for file, result in zip(files, tasks, strict=True):
            advance(1)
            if isinstance(result, str):
                unreadable.append(Unreadable(file.name, result))
                continue
            pictures.append(result)
            fresh[result.sha256] = result.content
    cache.keep_contents({sha: each for sha, each in fresh.items() if sha not in known})
    _check_labels(root, labels, pictures)
    pictures.sort(key=lambda picture: picture.name)
    return Scan(root, labels, tuple(pictures), tuple(unreadable), others)


def _list_files(root: Path) -> tuple[tuple[str, ...], list[_File], int]:
    classes = class_folders(root, "all")
    files: list[_File] = []
    others = 0
    for label in sorted(classes):
        for path in _files_under(classes[label]):
            if not is_picture_file(path):
                others += 1
                continue
            relative = path.relative_to(root)
            side = relative.parts[0] if has_sides(root) else ""
            files.append(_File(path, relative.as_posix(), label, side))
    return tuple(sorted(classes)), files, others


def _files_under(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _hash_file(file: _File) -> _Bytes | str:
    """Return the hash of a file's bytes, or why it cannot be used."""
    if not file.name.isprintable():  # not UTF-8, or control characters: no JSON or page holds it
        return "its name has characters that cannot be written down: rename it"
    try:
        data = file.path.read_bytes()
    except OSError as error:
        return error.strerror or "the file cannot be opened"
    return _Bytes(hashlib.sha256(data).hexdigest(), len(data))


def _measure(file: _File, found: _Bytes | str, known: dict[str, Content]) -> SeenPicture | str:
    """Return the picture, or why there is none."""
    if isinstance(found, str):
        return found
    content = known.get(found.sha256)
    if content is None:
        try:
            data = file.path.read_bytes()
        except OSError as error:
            return error.strerror or "the file cannot be opened"
        content = measure_bytes(data)
        if content is None:
            return _fault(data)
    return SeenPicture(file.name, file.label, file.side, found.sha256, found.count, content)


def _fault(data: bytes) -> str:
    frame = decode_picture(data)
    if frame is not None and min(frame.shape[:2]) < LEAST_SIDE_PX:
        return f"the picture has only {frame.shape[1]}x{frame.shape[0]} pixels"
    return describe_fault(data)


def _check_labels(root: Path, labels: tuple[str, ...], pictures: list[SeenPicture]) -> None:
    seen = {picture.label for picture in pictures}
    for label in labels:
        if label not in seen:
            raise DataError(f"the class folder {label!r} in {root} holds no readable picture")


def _workers() -> int:
    return min(MOST_WORKERS, os.cpu_count() or 1)
