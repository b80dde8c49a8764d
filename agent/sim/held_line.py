"""One direction of a serial line whose adapter holds bytes back; pure, for rehearsals."""

from __future__ import annotations

from collections import deque

from agent.sim.dues import earliest

# What an FTDI chip or a CH340 puts into one packet of USB's full speed.
PACKET_BYTES = 62


class HeldLine:
    """Bytes take their time on the wire; then they wait for a full packet, or for the timer.

    The timer begins anew with each packet, and runs out whether bytes wait or not, as an FTDI
    chip's latency timer does; or, the worst of all, it begins with the first byte that waits
    (`from_first`), so that every answer is held for as long. Nothing is lost.
    """

    def __init__(self, baud: int, hold_ns: int, *, from_first: bool = False) -> None:
        self._byte_ns = 10_000_000_000 // baud  # a start bit, eight bits, a stop bit
        self._hold_ns = hold_ns
        self._from_first = from_first
        self._free_ns = self._timer_ns = 0
        self._waiting: deque[tuple[int, int]] = deque()  # when each byte is off the wire

    def put(self, data: bytes, now_ns: int) -> None:
        """Send bytes into the line, one behind the other."""
        at_ns = max(now_ns, self._free_ns)
        for byte in data:
            at_ns += self._byte_ns
            self._waiting.append((at_ns, byte))
        self._free_ns = at_ns

    def take(self, now_ns: int) -> bytes:
        """Return the bytes that have come out of the line by now."""
        out = bytearray()
        while (packet_ns := self._packet_ns) is not None and packet_ns <= now_ns:
            for _ in range(PACKET_BYTES):
                if not self._waiting or self._waiting[0][0] > packet_ns:
                    break
                out.append(self._waiting.popleft()[1])
            self._timer_ns = packet_ns + self._hold_ns
        return bytes(out)

    def clear(self) -> None:
        """Lose everything on its way: the cable was pulled."""
        self._waiting.clear()

    @property
    def _packet_ns(self) -> int | None:
        """Return when the next packet goes, which may be an empty one; None while none will."""
        full_ns = self._waiting[PACKET_BYTES - 1][0] if len(self._waiting) >= PACKET_BYTES else None
        timer_ns: int | None = self._timer_ns
        if self._from_first:
            timer_ns = self._waiting[0][0] + self._hold_ns if self._waiting else None
        return earliest([full_ns, timer_ns])
