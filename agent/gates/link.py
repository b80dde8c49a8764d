"""Frames that arrive although the line loses some: sequence numbers, acks, repeats; pure.

Both ends of the line use it. Times are monotonic nanoseconds of the end that calls.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent.gates.messages import MAX_ACKS, Ack, Hello, Message
from agent.gates.wire import DELIMITER, FrameReader, encode_frame, seal

MIN_REPEAT_NS = 10_000_000
MAX_REPEAT_NS = 100_000_000
MAX_OPEN = 64
_SEQS = 256


@dataclass(slots=True)
class _Open:
    """A frame that has not been acked yet."""

    data: bytes
    crc: int
    sent_ns: int
    due_ns: int
    wait_ns: int
    expiry_ns: int


class Link:
    """One end of the line.

    A message whose class is ACKED is repeated until it is acked or its expiry has come; a repeat
    keeps its sequence number. One that was received before, the same in number and content, is
    acked again and not handed on. Of `peer` nothing but HELLO counts until `meet` names it.
    """

    def __init__(self, boot: int) -> None:
        self.boot = boot
        self.peer: int | None = None
        self.strange = 0
        self.repeats = 0
        self.round_trip_ns = 0
        self._reader = FrameReader()
        self._seq = 0
        self._open: dict[int, _Open] = {}
        self._seen: dict[int, bytes] = {}
        self._acks: list[tuple[int, int]] = []
        self._out: list[bytes] = []

    @property
    def refused(self) -> int:
        """Return how many damaged frames have come in."""
        return self._reader.refused

    @property
    def open_frames(self) -> int:
        """Return how many frames wait for their ack."""
        return len(self._open)

    @property
    def due_ns(self) -> int | None:
        """Return when `output` has something to say at the latest; None while it has not."""
        if self._out or self._acks:
            return 0
        return min((waiting.due_ns for waiting in self._open.values()), default=None)

    def meet(self, peer: int | None) -> None:
        """Begin anew with the other end of this boot: nothing said before is repeated."""
        self.peer = peer
        self._open.clear()
        self._seen.clear()
        self._acks.clear()
        self._out.clear()

    def post(self, message: Message) -> None:
        """Send a message once."""
        self._out.append(encode_frame(message, self._next_seq(), self.boot))

    def send(self, message: Message, now_ns: int, expiry_ns: int) -> bool:
        """Send a message until it is acked, never after `expiry_ns`; False when it cannot be."""
        if now_ns >= expiry_ns or len(self._open) >= MAX_OPEN:
            return False
        seq = self._next_seq()
        data, crc = seal(message, seq, self.boot)
        wait_ns = max(MIN_REPEAT_NS, 2 * self.round_trip_ns)
        self._open[seq] = _Open(data, crc, now_ns, now_ns + wait_ns, wait_ns, expiry_ns)
        self._out.append(data)
        return True

    def receive(self, data: bytes, now_ns: int) -> list[Message]:
        """Return what `data` says that is new; acks are dealt with here."""
        fresh: list[Message] = []
        for frame in self._reader.feed(data):
            message = frame.message
            if isinstance(message, Hello):
                fresh.append(message)
            elif self.peer is None or frame.boot != self.peer & 0xFFFF:
                self.strange += 1
            elif isinstance(message, Ack):
                self._acked(message, now_ns)
            elif not message.ACKED:
                fresh.append(message)
            else:
                self._acks.append((frame.seq, frame.crc))
                if self._seen.get(frame.seq) != frame.body:
                    self._seen[frame.seq] = frame.body
                    fresh.append(message)
        return fresh

    def output(self, now_ns: int) -> bytes:
        """Return the bytes to put on the wire now: acks, new frames, repeats that are due."""
        self._repeat(now_ns)
        while self._acks:
            self.post(Ack(tuple(self._acks[:MAX_ACKS])))
            del self._acks[:MAX_ACKS]
        if not self._out:
            return b""
        # The leading delimiter parts these frames from whatever noise came before.
        data = DELIMITER + b"".join(self._out)
        self._out.clear()
        return data

    def _repeat(self, now_ns: int) -> None:
        for seq, waiting in list(self._open.items()):
            if now_ns >= waiting.expiry_ns:
                del self._open[seq]
            elif now_ns >= waiting.due_ns:
                waiting.wait_ns = min(2 * waiting.wait_ns, MAX_REPEAT_NS)
                waiting.due_ns = now_ns + waiting.wait_ns
                waiting.sent_ns = -1
                self.repeats += 1
                self._out.append(waiting.data)

    def _acked(self, ack: Ack, now_ns: int) -> None:
        for seq, crc in ack.marks:
            waiting = self._open.get(seq)
            if waiting is None or waiting.crc != crc:
                continue
            del self._open[seq]
            # Which of several copies was acked cannot be known (Karn): no sample from those.
            if waiting.sent_ns >= 0:
                sample_ns = now_ns - waiting.sent_ns
                change_ns = (sample_ns - self.round_trip_ns) // 8
                self.round_trip_ns += change_ns if self.round_trip_ns else sample_ns

    def _next_seq(self) -> int:
        while True:
            self._seq = (self._seq + 1) % _SEQS
            if self._seq not in self._open:
                return self._seq
