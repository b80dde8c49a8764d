"""What a picture file is, told by its head: format, mode, turn, coarseness; nothing is decoded."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from training.containers import has_frames, is_cut

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_MODES = {0: "gray", 2: "colour", 3: "palette", 4: "gray with alpha", 6: "colour with alpha"}
_JPEG_MODES = {1: "gray", 3: "colour", 4: "CMYK"}
_TIFF_MODES = {0: "gray", 1: "gray", 2: "colour", 3: "palette", 5: "CMYK", 6: "colour"}

_ORIENTATION, _BITS, _PHOTOMETRIC, _SAMPLES = 0x0112, 0x0102, 0x0106, 0x0115
# Frame headers; the gaps are tables (C4, CC) and a reserved marker (C8).
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_QUANTISATION, _APP1, _SCAN = 0xDB, 0xE1, 0xDA


@dataclass(frozen=True, slots=True)
class FileMode:
    """Format and mode in words; whether EXIF turns it; the mean JPEG quantisation step, else 0."""

    name: str
    turned: bool = False
    coarseness: float = 0.0


def read_mode(data: bytes) -> FileMode:
    """Return what the head of a picture file says."""
    if data.startswith(b"\xff\xd8"):
        return _jpeg_mode(data)
    if data.startswith(_PNG) and len(data) > 26:
        depth = "16-bit " if data[24] == 16 else ""
        return FileMode(f"PNG {depth}{_PNG_MODES.get(data[25], 'unknown')}")
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff_mode(data)
    if data.startswith(b"BM"):
        return FileMode("BMP")
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return FileMode("WebP")
    return FileMode("unknown")


def describe_fault(data: bytes) -> str:
    """Say why bytes that could not be decoded are no picture."""
    if not data:
        return "the file is empty"
    if is_cut(data):
        return "the file is cut short"
    if has_frames(data):
        return "the file holds several pictures"
    if read_mode(data).name == "unknown":
        return "the file is no picture"
    return "the file is damaged"


def _jpeg_mode(data: bytes) -> FileMode:
    name, turned, coarseness = "JPEG", False, 0.0
    for marker, body in _jpeg_segments(data):
        if marker in _FRAMES and len(body) > 5:
            depth = "12-bit " if body[0] == 12 else ""
            name = f"JPEG {depth}{_JPEG_MODES.get(body[5], 'unknown')}"
        elif marker == _QUANTISATION and coarseness == 0.0 and len(body) >= 65:
            coarseness = sum(body[1:65]) / 64
        elif marker == _APP1 and body.startswith(b"Exif\0\0"):
            turned = _tiff_tags(body[6:]).get(_ORIENTATION, 1) not in (0, 1)
    return FileMode(name, turned, coarseness)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == _SCAN or length < 2:
            return
        yield marker, data[place + 4 : place + 2 + length]
        place += 2 + length


def _tiff_mode(data: bytes) -> FileMode:
    tags = _tiff_tags(data)
    depth = "16-bit " if tags.get(_BITS, 8) == 16 else ""
    alpha = " with alpha" if tags.get(_SAMPLES, 1) in (2, 4) and tags.get(_PHOTOMETRIC) != 5 else ""
    mode = _TIFF_MODES.get(tags.get(_PHOTOMETRIC, -1), "unknown")
    return FileMode(f"TIFF {depth}{mode}{alpha}", tags.get(_ORIENTATION, 1) not in (0, 1))


def _tiff_tags(data: bytes) -> dict[int, int]:
    """Return the first directory's 16-bit values; of a list, as the bits a sample, the first."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return {}
    tags: dict[int, int] = {}
    start = struct.unpack_from(f"{order}I", data, 4)[0]
    if start + 2 > len(data):
        return {}
    count = struct.unpack_from(f"{order}H", data, start)[0]
    for place in range(start + 2, min(start + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, many = struct.unpack_from(f"{order}HHI", data, place)
        at = place + 8
        if many > 2:
            at = struct.unpack_from(f"{order}I", data, at)[0]
        if kind == 3 and many > 0 and at + 2 <= len(data):
            tags[tag] = struct.unpack_from(f"{order}H", data, at)[0]
    return tags
