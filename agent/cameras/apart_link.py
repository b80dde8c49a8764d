"""What a camera's process and its owner tell each other: packets, and frames in shared memory."""

from __future__ import annotations

import json
import mmap
import socket
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from agent.records import Frame, Setting

SLOTS = 4  # one is written, one is read, two lie between
LONGEST_PACKET = 8192
_HEADER = struct.Struct("<BqqIIIII")


class Word(bytes, Enum):
    """The first byte of a packet."""

    OPENED = b"O"
    FRAME = b"F"
    ALIVE = b"H"
    ERROR = b"E"
    RETURNED = b"R"


@dataclass(frozen=True, slots=True)
class Header:
    """Which slot holds a frame, and what is known of it."""

    slot: int
    sequence: int
    taken_ns: int
    height: int
    width: int
    channels: int  # 0 for a gray frame, which has no third dimension
    damaged: int
    stale: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the shape of the pixels."""
        size = (self.height, self.width)
        return (*size, self.channels) if self.channels else size

    def packed(self) -> bytes:
        """Return it as a packet."""
        numbers = (self.slot, self.sequence, self.taken_ns, self.height, self.width)
        return Word.FRAME.value + _HEADER.pack(*numbers, self.channels, self.damaged, self.stale)


@dataclass(frozen=True, slots=True)
class Opened:
    """How the camera is once it is open."""

    settings: tuple[Setting, ...]
    stamps: str

    def packed(self) -> bytes:
        """Return it as a packet."""
        content = {"settings": [asdict(one) for one in self.settings], "stamps": self.stamps}
        return Word.OPENED.value + json.dumps(content).encode("utf-8")


def unpack_header(packet: bytes) -> Header:
    """Return the header from its packet."""
    return Header(*_HEADER.unpack(packet[1:]))


def unpack_opened(packet: bytes) -> Opened:
    """Return how the camera is from its packet."""
    content = json.loads(packet[1:])
    return Opened(tuple(Setting(**one) for one in content["settings"]), content["stamps"])


class FrameMemory:
    """A few frames' room that two processes share; a slot belongs to one of them at a time."""

    def __init__(self, descriptor: int, frame_bytes: int) -> None:
        self._frame_bytes = frame_bytes
        self._map = mmap.mmap(descriptor, SLOTS * frame_bytes)

    def put(self, slot: int, frame: Frame, *, damaged: int, stale: int) -> Header | None:
        """Copy a frame into a slot; None for one that is too large for it."""
        pixels = np.ascontiguousarray(frame.pixels)
        if pixels.nbytes > self._frame_bytes:
            return None
        start = slot * self._frame_bytes
        room: NDArray[np.uint8] = np.frombuffer(self._map, np.uint8, pixels.nbytes, offset=start)
        room[:] = pixels.reshape(-1)
        height, width = pixels.shape[:2]
        channels = pixels.shape[2] if pixels.ndim == 3 else 0
        numbers = (height, width, channels, damaged, stale)
        return Header(slot, frame.sequence, frame.taken_ns, *numbers)

    def take(self, header: Header) -> NDArray[np.uint8]:
        """Return a copy of the pixels in a slot."""
        count = int(np.prod(header.shape))
        start = header.slot * self._frame_bytes
        flat: NDArray[np.uint8] = np.frombuffer(self._map, np.uint8, count, offset=start)
        pixels: NDArray[np.uint8] = flat.reshape(header.shape).copy()
        return pixels

    def close(self) -> None:
        """Let go of the memory."""
        self._map.close()


def receive_all(link: socket.socket) -> tuple[Sequence[bytes], bool]:
    """Return the packets that have come, and whether the other end has gone."""
    packets: list[bytes] = []
    while True:
        try:
            packet = link.recv(LONGEST_PACKET, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return packets, False
        except ConnectionResetError:
            continue  # it left without reading all of ours; its last words are still to be had
        except OSError:
            return packets, True
        if not packet:
            return packets, True
        packets.append(packet)
