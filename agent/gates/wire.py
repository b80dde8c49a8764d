"""Frames of the controller protocol: COBS, CRC-16, sequence and boot; pure."""

from __future__ import annotations

import struct
from binascii import crc_hqx
from dataclasses import dataclass

from agent.errors import WireError
from agent.gates.messages import Message, parse_message

MAX_PAYLOAD = 48
_HEAD = struct.Struct("<BBH")
_CRC = struct.Struct("<H")
_OVERHEAD = _HEAD.size + _CRC.size
# One code byte more than the body; the delimiter is not counted.
MAX_STUFFED = _OVERHEAD + MAX_PAYLOAD + 1
DELIMITER = b"\0"
# A body of at most 54 bytes never needs COBS' long block, so the code byte is a plain length.
_CODES = [bytes((length,)) for length in range(MAX_STUFFED + 1)]


@dataclass(frozen=True, slots=True)
class Frame:
    """One valid frame: its message, the sender's sequence number and boot, and its checksum."""

    message: Message
    seq: int
    boot: int
    crc: int
    body: bytes


def checksum(data: bytes) -> int:
    """Return the CRC-16/CCITT-FALSE of `data` (poly 1021, init FFFF)."""
    return crc_hqx(data, 0xFFFF)


def stuff(body: bytes) -> bytes:
    """Return `body` without any zero byte (COBS), delimiter not included."""
    return b"".join([_CODES[len(run) + 1] + run for run in body.split(DELIMITER)])


def unstuff(data: bytes) -> bytes:
    """Return the body that `stuff` made `data` from. Raises WireError."""
    if len(data) > MAX_STUFFED:
        raise WireError(f"a frame of {len(data)} bytes is longer than {MAX_STUFFED}")
    runs, at = [], 0
    while at < len(data):
        end = at + data[at]
        if end > len(data) or end == at:
            raise WireError("a frame ends inside one of its COBS blocks")
        runs.append(data[at + 1 : end])
        at = end
    return DELIMITER.join(runs)


def seal(message: Message, seq: int, boot: int) -> tuple[bytes, int]:
    """Return the bytes of one frame with its closing delimiter, and its checksum."""
    body = _HEAD.pack(message.TYPE, seq, boot & 0xFFFF) + message.payload()
    crc = checksum(body)
    return stuff(body + _CRC.pack(crc)) + DELIMITER, crc


def encode_frame(message: Message, seq: int, boot: int) -> bytes:
    """Return the bytes of one frame with its closing delimiter."""
    return seal(message, seq, boot)[0]


def decode_frame(stuffed: bytes) -> Frame:
    """Return the frame in `stuffed`, which has no delimiter. Raises WireError."""
    body = unstuff(stuffed)
    if len(body) < _OVERHEAD:
        raise WireError(f"a frame of {len(body)} bytes is too short")
    content = body[: -_CRC.size]
    crc = checksum(content)
    if _CRC.unpack_from(body, len(content))[0] != crc:
        raise WireError("the checksum of a frame is wrong")
    kind, seq, boot = _HEAD.unpack_from(content)
    return Frame(parse_message(kind, content[_HEAD.size :]), seq, boot, crc, body)


class FrameReader:
    """Cuts bytes as they come into frames; what is damaged is counted and dropped."""

    def __init__(self) -> None:
        self.refused = 0
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that `data` completes."""
        *pieces, rest = (self._rest + data).split(DELIMITER)
        frames = [frame for frame in map(self._frame, pieces) if frame is not None]
        # Without a delimiter in sight nothing longer than a frame is worth keeping.
        if len(rest) > MAX_STUFFED:
            rest, self._skipping = b"", True
        self._rest = rest
        return frames

    def _frame(self, piece: bytes) -> Frame | None:
        if self._skipping:
            self._skipping = False
            self.refused += 1
            return None
        try:
            return decode_frame(piece) if piece else None
        except WireError:
            self.refused += 1
            return None
