"""A ZIP of stored entries: written the same way each time, read strictly.

Only the plainest form of the format is read (APPNOTE 6.3.9): no compression, no encryption, no
ZIP64, no comments, no extra fields, no gaps; local headers and central directory must agree to
the byte. Whatever else a ZIP may be is refused before a byte of content is used.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bundle.errors import ArchiveError

MAX_ARCHIVE_BYTES = 64 * 1024 * 1024
MAX_ENTRIES = 64

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LOCAL_MAGIC, _CENTRAL_MAGIC, _END_MAGIC = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_VERSION = 20
# Files that technicians have in the same folder: where each has its mark, and what it is.
_OTHER_KINDS = (
    (0, b"!<arch>\n", "a Debian package: `sudo apt install ./FILE` installs it"),
    (4, b"TFL3", "a bare model: `linewarden export` makes bundles"),
    (0, b"\x01HEF", "a model that was compiled for a Hailo processor: ask for the bundle"),
    (0, b"\x7fELF", "a program: ask for the bundle"),
    (0, b"<", "a web page: look at the address that it came from"),
)
# 1980-01-01 00:00, the first date a ZIP can hold: equal contents give equal archives.
_TIME, _DATE = 0, 0x21


@dataclass(frozen=True, slots=True)
class _Listed:
    """One entry as the central directory lists it."""

    name: str
    crc: int
    size: int
    offset: int


def write_container(contents: Mapping[str, bytes]) -> bytes:
    """Return the archive's bytes with the entries in the given order."""
    body, directory = bytearray(), bytearray()
    for name, content in contents.items():
        raw_name = name.encode("ascii")
        crc, size, offset = zlib.crc32(content), len(content), len(body)
        body += _LOCAL.pack(
            _LOCAL_MAGIC, _VERSION, 0, 0, _TIME, _DATE, crc, size, size, len(raw_name), 0
        )
        body += raw_name + content
        directory += _CENTRAL.pack(
            *(_CENTRAL_MAGIC, _VERSION, _VERSION, 0, 0, _TIME, _DATE, crc, size, size),
            *(len(raw_name), 0, 0, 0, 0, 0, offset),
        )
        directory += raw_name
    count = len(contents)
    end = _END.pack(_END_MAGIC, 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + end)


def read_container(data: bytes, allowed: Callable[[str], bool]) -> dict[str, bytes]:
    """Return the entries of an archive whose names are all `allowed`.

    Raises ArchiveError for anything but what `write_container` could have written.
    """
    _check_kind(data)
    if len(data) > MAX_ARCHIVE_BYTES:
        raise _strange(f"the bundle has {len(data)} bytes, more than {MAX_ARCHIVE_BYTES}")
    listed, directory_at = _read_directory(data)
    contents: dict[str, bytes] = {}
    position = 0
    for entry in listed:
        _check_name(entry.name, allowed, contents)
        if entry.offset != position:
            raise _strange(f"the bundle has stray bytes before {entry.name!r}")
        content, position = _read_entry(data, entry, directory_at)
        contents[entry.name] = content
    # Whatever is left to tell apart (dates, versions, gaps) must be as it is written here.
    if write_container(contents) != data:
        raise _strange("the bundle uses parts of the ZIP format that are not allowed")
    return contents


def _check_kind(data: bytes) -> None:
    """Name the wrong file by what it is, where that can be seen."""
    for place, mark, kind in _OTHER_KINDS:
        if data[place : place + len(mark)] == mark:
            raise ArchiveError(f"the file is no bundle, it is {kind}")


def _strange(what: str) -> ArchiveError:
    """Return the refusal of bytes that `write_container` has not written."""
    return ArchiveError(f"{what}: get the bundle again from where it was made")


def _read_directory(data: bytes) -> tuple[list[_Listed], int]:
    """Return the entries listed and where the central directory starts."""
    if len(data) < _END.size:
        raise ArchiveError("the file is too short to be a bundle: was it copied to its end?")
    magic, disk, first, here, count, size, start, comment = _END.unpack(data[-_END.size :])
    if magic != _END_MAGIC:
        raise ArchiveError("the bundle is truncated or no bundle at all: copy it again")
    if (disk, first, comment) != (0, 0, 0) or here != count:
        raise _strange("the bundle uses parts of the ZIP format that are not allowed")
    if count > MAX_ENTRIES:
        raise _strange(f"the bundle lists {count} entries, more than {MAX_ENTRIES}")
    if start + size != len(data) - _END.size:
        raise ArchiveError("the bundle is truncated or has stray bytes: copy it again")
    listed, position = [], start
    for _ in range(count):
        entry, position = _read_listed(data, position)
        listed.append(entry)
    if position != start + size:
        raise _strange("the bundle's directory has stray bytes")
    return listed, start


def _read_listed(data: bytes, position: int) -> tuple[_Listed, int]:
    fields = _unpack(_CENTRAL, data, position)
    magic, _, version, flags, method = fields[:5]
    crc, size, real_size, name_size, extra, comment, disk, _, attributes, offset = fields[7:]
    if magic != _CENTRAL_MAGIC:
        raise _strange("the bundle's directory is damaged")
    if method != 0:
        raise _strange("the bundle has a compressed entry; its entries must be stored")
    if flags or version != _VERSION or extra or comment or disk or attributes:
        raise _strange("the bundle uses parts of the ZIP format that are not allowed")
    if size != real_size:
        raise _strange("the bundle's directory gives two sizes for one entry")
    name_at = position + _CENTRAL.size
    return _Listed(_name(data, name_at, name_size), crc, size, offset), name_at + name_size


def _read_entry(data: bytes, entry: _Listed, limit: int) -> tuple[bytes, int]:
    """Return the content of one entry and the position behind it."""
    fields = _unpack(_LOCAL, data, entry.offset)
    magic, version, flags, method = fields[:4]
    crc, size, real_size, name_size, extra = fields[6:]
    if magic != _LOCAL_MAGIC or (version, flags, method, extra) != (_VERSION, 0, 0, 0):
        raise _strange(f"the header of {entry.name!r} is damaged")
    name_at = entry.offset + _LOCAL.size
    start = name_at + name_size
    stated = (_name(data, name_at, name_size), crc, size, real_size)
    if stated != (entry.name, entry.crc, entry.size, entry.size):
        raise _strange(f"header and directory disagree about {entry.name!r}")
    if start + size > limit:
        raise _strange(f"{entry.name!r} reaches beyond the bundle's contents")
    content = data[start : start + size]
    if zlib.crc32(content) != crc:
        raise _strange(f"{entry.name!r} is damaged: its checksum is wrong")
    return content, start + size


def _check_name(name: str, allowed: Callable[[str], bool], seen: Mapping[str, bytes]) -> None:
    if not allowed(name):
        raise _strange(f"the bundle has an entry {name!r}, which does not belong there")
    if name in seen:
        raise _strange(f"the bundle has {name} twice")


def _name(data: bytes, start: int, size: int) -> str:
    raw = data[start : start + size]
    if len(raw) != size or not raw.isascii():
        raise _strange("the bundle has an entry with a damaged name")
    return raw.decode("ascii")


def _unpack(layout: struct.Struct, data: bytes, position: int) -> tuple[Any, ...]:
    if position < 0 or position + layout.size > len(data):
        raise _strange("the bundle's directory points outside of the file")
    return layout.unpack_from(data, position)
