"""Frames of the controller protocol: COBS, CRC-16, sequence and boot."""

import struct
from array import array

from messages import VALID, WireError
from micropython import const

MAX_STUFFED = const(55)
DELIMITER = b"\0"
_MAX_BODY = const(54)
_OVERHEAD = const(6)
_HEAD = "<BBH"


def _row(high: int) -> int:
    crc = high << 8
    for _ in range(8):
        crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


_TABLE = array("H", [_row(high) for high in range(256)])


def checksum(data: bytes) -> int:
    """Return the CRC-16/CCITT-FALSE of `data` (poly 1021, init FFFF)."""
    table = _TABLE
    crc = 0xFFFF
    for byte in data:
        crc = ((crc << 8) & 0xFF00) ^ table[(crc >> 8) ^ byte]
    return crc


def encode_frame(kind: int, payload: bytes, seq: int, boot_low: int) -> "tuple[bytes, int]":
    """Return the bytes of one frame with its closing delimiter, and its checksum."""
    body = struct.pack(_HEAD, kind, seq, boot_low) + payload
    crc = checksum(body)
    body += struct.pack("<H", crc)
    # A body of at most 54 bytes never needs COBS' long block: each code byte is a plain length.
    stuffed = bytearray(len(body) + 2)
    code_at = 0
    for at, byte in enumerate(body):
        if byte:
            stuffed[at + 1] = byte
        else:
            stuffed[code_at] = at + 1 - code_at
            code_at = at + 1
    stuffed[code_at] = len(body) + 1 - code_at
    return bytes(stuffed), crc


def _unstuff(data: bytes) -> bytearray:
    body = bytearray(data[1:])
    at, end = 0, len(data)
    while True:
        at += data[at]
        if at == end:
            return body
        if at > end:
            raise WireError("a frame ends inside one of its COBS blocks")
        body[at - 1] = 0


def decode_frame(stuffed: bytes) -> "tuple[int, int, int, int, bytes]":
    """Return type, sequence number, boot, checksum and body of a frame without its delimiter.

    Raises WireError.
    """
    body = _unstuff(stuffed)
    end = len(body) - 2
    if end < _OVERHEAD - 2:
        raise WireError("a frame is too short")
    crc = checksum(memoryview(body)[:end])
    if crc != body[end] | body[end + 1] << 8:
        raise WireError("the checksum of a frame is wrong")
    kind, seq, boot_low = struct.unpack_from(_HEAD, body, 0)
    content = bytes(body[:end])
    valid = VALID.get(kind)
    if valid is None or not valid(content[4:]):
        raise WireError("a frame holds no message")
    return kind, seq, boot_low, crc, content


class FrameReader:
    """Cuts bytes as they come into frames; what is damaged is counted and dropped."""

    def __init__(self) -> None:
        self.refused = 0
        self._piece = bytearray(MAX_STUFFED)
        self._length = 0

    def feed(self, data: bytes) -> list:
        """Return the frames that `data` completes."""
        frames = []
        for byte in data:
            if byte:
                # Longer than a frame: only the length is kept, until the next delimiter.
                if self._length < MAX_STUFFED:
                    self._piece[self._length] = byte
                if self._length <= MAX_STUFFED:
                    self._length += 1
            elif self._length:
                self._close(frames)
        return frames

    def _close(self, frames: list) -> None:
        length, self._length = self._length, 0
        if length > MAX_STUFFED:
            self.refused = (self.refused + 1) & 0xFFFFFFFF
            return
        try:
            frames.append(decode_frame(bytes(self._piece[:length])))
        except WireError:
            self.refused = (self.refused + 1) & 0xFFFFFFFF
