"""What a picture file says of itself before it is decoded: cut short, several frames, alpha."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
_TAIL_BYTES = 4096  # some cameras write a few bytes after the end of the picture

_WEBP_EXTENDED, _WEBP_ANIMATED = b"VP8X", 0x02
_TIFF_ORDERS = {b"II": "<", b"MM": ">"}
_TIFF_CLASSIC = 42
_SUBFILE_TYPE, _REDUCED = 254, 1  # a second directory may be a thumbnail of the first
_EXTRA_SAMPLES, _ASSOCIATED, _UNASSOCIATED = 338, 1, 2


def is_cut(data: bytes) -> bool:
    """Tell whether a JPEG or PNG lacks its end.

    OpenCV would fill the rest with gray or black and say nothing of it.
    """
    tail = data[-_TAIL_BYTES:]
    if data.startswith(_JPEG_START):
        return _JPEG_END not in tail
    return data.startswith(_PNG_START) and _PNG_END not in tail


def has_frames(data: bytes) -> bool:
    """Tell whether a file holds several pictures, of which a decoder would take the first."""
    if data.startswith(_PNG_START):
        return b"acTL" in data[: data.find(b"IDAT")]
    if data.startswith(b"RIFF") and data[12:16] == _WEBP_EXTENDED and len(data) > 20:
        return bool(data[20] & _WEBP_ANIMATED)
    first = _first_directory(data)
    if first is None or not first.following:
        return False
    second = _read_directory(data, first.order, first.following)
    return second is None or not second.values.get(_SUBFILE_TYPE, 0) & _REDUCED


def keep_colour(data: bytes) -> bytes:
    """Return the bytes such that a decoder leaves the colour under an alpha channel alone.

    Of all formats only TIFF is read multiplied with its alpha, black where it is transparent. The
    camera's pixels are what the device will see, so the tag is changed to say: multiplied already.
    """
    first = _first_directory(data)
    if first is None or first.values.get(_EXTRA_SAMPLES) != _UNASSOCIATED:
        return data
    place = first.places[_EXTRA_SAMPLES]
    return data[:place] + struct.pack(f"{first.order}H", _ASSOCIATED) + data[place + 2 :]


@dataclass(frozen=True, slots=True)
class _Directory:
    """A directory of a TIFF file: its short and long values by tag, and where they stand."""

    order: str
    values: dict[int, int]
    places: dict[int, int]
    following: int


def _first_directory(data: bytes) -> _Directory | None:
    order = _TIFF_ORDERS.get(data[:2])
    if order is None or len(data) < 8:
        return None
    magic, offset = struct.unpack_from(f"{order}HI", data, 2)
    return _read_directory(data, order, offset) if magic == _TIFF_CLASSIC else None


def _read_directory(data: bytes, order: str, offset: int) -> _Directory | None:
    try:
        (count,) = struct.unpack_from(f"{order}H", data, offset)
        (following,) = struct.unpack_from(f"{order}I", data, offset + 2 + 12 * count)
    except struct.error:
        return None
    values: dict[int, int] = {}
    places: dict[int, int] = {}
    for place in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, place)
        code = {3: "H", 4: "I"}.get(kind)  # SHORT and LONG; a single one stands in the entry itself
        if number == 1 and code is not None:
            (values[tag],) = struct.unpack_from(f"{order}{code}", data, place + 8)
            places[tag] = place + 8
    return _Directory(order, values, places, following)
