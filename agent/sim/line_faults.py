"""A bad serial line: frames lost, damaged, cut, merged, repeated and delayed, by a seed; pure."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from random import Random

_DELIMITER = b"\0"


@dataclass(frozen=True, slots=True)
class FaultRates:
    """The share of frames that each fault befalls, and the longest delay."""

    drop: float = 0.0
    corrupt: float = 0.0
    repeat: float = 0.0
    delay: float = 0.0
    delay_ns: int = 30_000_000


class LineFaults:
    """One direction of a line; what is put in comes out later, sooner, twice, damaged or never."""

    def __init__(self, rates: FaultRates, seed: int) -> None:
        self._rates = rates
        self._random = Random(seed)  # noqa: S311 - a rehearsal that can be repeated, no secret
        self._rest = b""
        self._queue: list[tuple[int, int, bytes]] = []
        self._count = 0

    @property
    def due_ns(self) -> int | None:
        """Return when `take` has something; None while nothing is on its way."""
        return self._queue[0][0] if self._queue else None

    def put(self, data: bytes, now_ns: int) -> None:
        """Send bytes into the line."""
        *frames, self._rest = (self._rest + data).split(_DELIMITER)
        for frame in frames:
            self._send(frame + _DELIMITER, now_ns)

    def take(self, now_ns: int) -> bytes:
        """Return the bytes that come out of the line by now."""
        out = []
        while self._queue and self._queue[0][0] <= now_ns:
            out.append(heapq.heappop(self._queue)[2])
        return b"".join(out)

    def clear(self) -> None:
        """Lose everything on its way: the cable was pulled."""
        self._queue.clear()
        self._rest = b""

    def _send(self, frame: bytes, now_ns: int) -> None:
        rates, chance = self._rates, self._random.random
        if chance() < rates.drop:
            return
        if chance() < rates.corrupt:
            frame = self._damage(frame)
        late = self._random.randrange(rates.delay_ns + 1) if chance() < rates.delay else 0
        self._push(now_ns + late, frame)
        if chance() < rates.repeat:
            self._push(now_ns + self._random.randrange(rates.delay_ns + 1), frame)

    def _push(self, due_ns: int, frame: bytes) -> None:
        self._count += 1
        heapq.heappush(self._queue, (due_ns, self._count, frame))

    def _damage(self, frame: bytes) -> bytes:
        """Change one byte, or lose it: the delimiter too, so that two frames become one."""
        at = self._random.randrange(len(frame))
        change = bytes((frame[at] ^ self._random.randrange(1, 256),))
        lost = self._random.random() < 0.3
        return frame[:at] + (b"" if lost else change) + frame[at + 1 :]
