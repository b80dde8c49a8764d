"""A byte stream -> whole frames; what is cut short is never one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

_START, _END = b"\xff\xd8", b"\xff\xd9"
_SCAN = 0xDA
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length behind them


@dataclass(frozen=True, slots=True)
class Arrival:
    """When bytes came in: after `after_ns`, and at `by_ns` at the latest."""

    after_ns: int
    by_ns: int


@dataclass(frozen=True, slots=True)
class Piece:
    """A whole frame's bytes, and when its first byte came in."""

    data: bytearray
    arrival: Arrival


class Splitter(Protocol):
    """Cuts a byte stream into frames, in bounded memory."""

    def feed(self, chunk: bytes, arrival: Arrival) -> list[Piece]:
        """Take in bytes and return the frames that are whole now."""
        ...


class RawSplitter:
    """Frames of one known size, one straight after the other."""

    def __init__(self, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._filling = bytearray()
        self._begun: Arrival | None = None

    def feed(self, chunk: bytes, arrival: Arrival) -> list[Piece]:
        """Take in bytes and return the frames that are whole now."""
        pieces: list[Piece] = []
        rest = memoryview(chunk)
        while rest:
            begun = self._begun = self._begun or arrival
            lacking = self._frame_bytes - len(self._filling)
            self._filling += rest[:lacking]
            rest = rest[lacking:]
            if len(self._filling) == self._frame_bytes:
                pieces.append(Piece(self._filling, begun))
                self._filling, self._begun = bytearray(), None
        return pieces


class JpegSplitter:
    """JPEG pictures one after the other; what lies between them is passed over.

    The segments before the picture's scan are stepped over by their lengths: a thumbnail in one
    of them has an end mark of its own. `dropped` counts pictures larger than `max_bytes`.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._data = bytearray()
        self._at = 0  # looked at so far, within the picture begun
        self._in_scan = False
        self._begun: Arrival | None = None
        self.dropped = 0

    def feed(self, chunk: bytes, arrival: Arrival) -> list[Piece]:
        """Take in bytes and return the frames that are whole now."""
        self._data += chunk
        pieces: list[Piece] = []
        while self._begin(arrival) and (end := self._end()):
            begun = self._begun or arrival
            pieces.append(Piece(self._data[:end], begun))
            self._drop(end)
        if len(self._data) > self._max_bytes:
            self.dropped += 1
            self._drop(len(self._data))
        return pieces

    def _begin(self, arrival: Arrival) -> bool:
        """Find the next picture's start unless one is begun; what lies before it goes."""
        if self._begun is not None:
            return True
        start = self._data.find(_START)
        if start < 0:
            # The first half of a start mark may be the last byte so far.
            self._drop(len(self._data) - self._data.endswith(_START[:1]))
            return False
        del self._data[:start]
        self._begun, self._at = arrival, len(_START)
        return True

    def _end(self) -> int:
        """Return where the picture ends; 0 when that has not come in yet."""
        while not self._in_scan:
            if not self._step():
                return 0
        end = self._data.find(_END, self._at)
        if end < 0:
            self._at = max(self._at, len(self._data) - 1)
            return 0
        return end + len(_END)

    def _step(self) -> bool:
        """Step over one segment before the scan; False when more bytes are needed."""
        data, at = self._data, self._at
        if len(data) < at + 4:
            return False
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0x00, 0xD8, 0xD9):
            self._in_scan = True  # no JPEG as it should be: decoding will say so
            return True
        if marker in _ALONE or marker == 0xFF:
            self._at += 1 if marker == 0xFF else 2
            return True
        self._at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        self._in_scan = marker == _SCAN
        return True

    def _drop(self, count: int) -> None:
        del self._data[:count]
        self._at, self._in_scan, self._begun = 0, False, None
