"""Frames that arrive although the line loses some: sequence numbers, acks, repeats."""

import struct
from array import array

import messages
from micropython import const
from wire import FrameReader, encode_frame

MAX_OPEN = const(64)
_MIN_REPEAT_US = const(10_000)
_MAX_REPEAT_US = const(100_000)
# The longest acked message that comes in is CONFIG; its body and a byte for the length.
_SEEN_BYTES = const(43)
# The longest that goes out is CONFIGURED, as a frame.
_FRAME_BYTES = const(48)
# All open frames at once, and the acks and answers that belong to them.
_OUT_BYTES = const(2_048)


class Link:
    """The controller's end of the line.

    Acked messages are repeated until their ACK or their expiry; a repeat keeps its number. What
    was received before, the same in number and content, is acked again and not handed on. Of the
    host nothing but HELLO counts until `meet` names it. What it keeps has its place from the start:
    objects that came and went at different times would leave a memory of small holes.
    """

    def __init__(self, boot: int) -> None:
        self.peer = None
        self._boot_low = boot & 0xFFFF
        self._reader = FrameReader()
        self._seq = 0
        self._round_trip_us = 0
        self._open = 0
        # A frame that waits for its ack has a place in these; its length is 0 where none does.
        self._lengths = bytearray(MAX_OPEN)
        self._frames = bytearray(MAX_OPEN * _FRAME_BYTES)
        self._seqs = bytearray(MAX_OPEN)
        self._crcs = array("H", [0] * MAX_OPEN)
        self._repeated = bytearray(MAX_OPEN)
        self._waits_us = array("I", [0] * MAX_OPEN)
        self._sent_us = array("Q", [0] * MAX_OPEN)
        self._dues_us = array("Q", [0] * MAX_OPEN)
        self._expiries_us = array("Q", [0] * MAX_OPEN)
        self._seen = bytearray(256 * _SEEN_BYTES)
        self._acks = []
        self._out = bytearray(_OUT_BYTES)
        self._out_length = 0

    def refused(self) -> int:
        """Return how many damaged frames have come in."""
        return self._reader.refused

    def full(self) -> bool:
        """Return whether no more frames can wait for their ack."""
        return self._open >= MAX_OPEN

    def due_us(self) -> "int | None":
        """Return when `output` has something to say at the latest; None while it has not."""
        if self._acks:
            return 0
        waiting = [self._dues_us[at] for at in range(MAX_OPEN) if self._lengths[at]]
        return min(waiting) if waiting else None

    def meet(self, peer: "int | None") -> None:
        """Begin anew with the host of this boot: nothing said before is repeated."""
        self.peer = peer
        self._open = self._out_length = 0
        for at in range(MAX_OPEN):
            self._lengths[at] = 0
        self._acks.clear()
        for at in range(0, len(self._seen), _SEEN_BYTES):
            self._seen[at] = 0

    def post(self, kind: int, payload: bytes) -> None:
        """Send a message once."""
        self._put(encode_frame(kind, payload, self._next_seq(), self._boot_low)[0])

    def send(self, kind: int, payload: bytes, now_us: int, expiry_us: int) -> bool:
        """Send a message until it is acked, never after `expiry_us`; False when it cannot be."""
        if now_us >= expiry_us or self.full():
            return False
        seq = self._next_seq()
        data, crc = encode_frame(kind, payload, seq, self._boot_low)
        at = self._lengths.find(b"\0")
        first = at * _FRAME_BYTES
        self._frames[first : first + len(data)] = data
        self._lengths[at], self._seqs[at], self._crcs[at] = len(data), seq, crc
        self._waits_us[at] = max(_MIN_REPEAT_US, 2 * self._round_trip_us)
        self._dues_us[at] = now_us + self._waits_us[at]
        self._sent_us[at], self._expiries_us[at] = now_us, expiry_us
        self._repeated[at] = 0
        self._open += 1
        self._put(data)
        return True

    def receive(self, data: bytes, now_us: int) -> list:
        """Return what `data` says that is new, as (type, payload); acks are dealt with here."""
        fresh = []
        for kind, seq, boot_low, crc, content in self._reader.feed(data):
            payload = content[4:]
            if kind == messages.HELLO:
                fresh.append((kind, payload))
            elif self.peer is None or boot_low != self.peer & 0xFFFF:
                pass
            elif kind == messages.ACK:
                self._acked(payload, now_us)
            elif kind not in messages.ACKED:
                fresh.append((kind, payload))
            else:
                self._acks.append((seq, crc))
                if self._is_new(seq, content):
                    fresh.append((kind, payload))
        return fresh

    def output(self, now_us: int) -> memoryview:
        """Return the bytes to put on the wire now: acks, new frames, repeats that are due.

        They are kept until `went` says how many of them the wire has taken.
        """
        self._repeat(now_us)
        while self._acks:
            marks = [struct.pack(messages.ACK_LAYOUT, *mark) for mark in self._acks[:16]]
            self.post(messages.ACK, b"".join(marks))
            self._acks = self._acks[messages.MAX_ACKS :]
        return memoryview(self._out)[: self._out_length]

    def went(self, count: int) -> None:
        """Forget so many bytes of the output."""
        rest = self._out_length - count
        if count and rest:
            self._out[:rest] = self._out[count : self._out_length]
        self._out_length = rest

    def _put(self, data: bytes) -> None:
        """Add a frame to the output; one that has no room there is lost, as on a wire."""
        length = self._out_length
        if length + len(data) >= _OUT_BYTES:
            return
        if not length:
            # The leading delimiter parts these frames from whatever noise came before.
            self._out[0] = 0
            length = 1
        self._out[length : length + len(data)] = data
        self._out_length = length + len(data)

    def _is_new(self, seq: int, content: bytes) -> bool:
        """Note an acked message; False when the same came under this number before."""
        at = seq * _SEEN_BYTES
        end = at + 1 + len(content)
        if self._seen[at] == len(content) and self._seen[at + 1 : end] == content:
            return False
        self._seen[at] = len(content)
        self._seen[at + 1 : end] = content
        return True

    def _repeat(self, now_us: int) -> None:
        if not self._open:
            return
        for at in range(MAX_OPEN):
            if not self._lengths[at]:
                continue
            if now_us >= self._expiries_us[at]:
                self._close(at)
            elif now_us >= self._dues_us[at]:
                self._waits_us[at] = min(2 * self._waits_us[at], _MAX_REPEAT_US)
                self._dues_us[at] = now_us + self._waits_us[at]
                self._repeated[at] = 1
                first = at * _FRAME_BYTES
                self._put(self._frames[first : first + self._lengths[at]])

    def _close(self, at: int) -> None:
        self._lengths[at] = 0
        self._open -= 1

    def _acked(self, payload: bytes, now_us: int) -> None:
        for seq, crc in messages.unpack_all(messages.ACK_LAYOUT, payload):
            at = self._place_of(seq)
            if at >= 0 and self._crcs[at] == crc:
                self._close(at)
                self._learn(at, now_us)

    def _learn(self, at: int, now_us: int) -> None:
        """Learn the round trip, but not from a repeat: which copy was acked is unknown (Karn)."""
        if not self._repeated[at]:
            sample_us = now_us - self._sent_us[at]
            change_us = (sample_us - self._round_trip_us) // 8
            self._round_trip_us += change_us if self._round_trip_us else sample_us

    def _place_of(self, seq: int) -> int:
        """Return the place of the open frame with this number, else -1."""
        at = self._seqs.find(bytes((seq,)))
        while at >= 0 and not self._lengths[at]:
            at = self._seqs.find(bytes((seq,)), at + 1)
        return at

    def _next_seq(self) -> int:
        self._seq = (self._seq + 1) & 0xFF
        while self._place_of(self._seq) >= 0:
            self._seq = (self._seq + 1) & 0xFF
        return self._seq
