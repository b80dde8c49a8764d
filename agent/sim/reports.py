"""Triggers and outcomes which the controller repeats until their rows are recorded; pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from agent.gates.codes import ReportKind
from agent.gates.messages import Message, Outcome, Trigger
from agent.sim.tracker import TrackedPart

REPEAT_US = 100_000
# So many repeats at one time, and no more for the next while: the line must not drown in them.
BURST = 8
BURST_EVERY_US = 10_000
MAX_REPORTS = 8192

_Key = tuple[ReportKind, int]


class Reports:
    """What the host has not recorded yet; the oldest is forgotten, and counted, when it is full."""

    def __init__(self) -> None:
        self.lost = 0
        self._parts: dict[_Key, TrackedPart] = {}
        self._fresh: deque[_Key] = deque(maxlen=MAX_REPORTS)
        self._again: deque[tuple[int, _Key]] = deque()
        self._burst_us = 0

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def due_us(self) -> int | None:
        """Return when `send` has something to say; None while it has not."""
        if self._fresh:
            return 0
        return max(self._again[0][0], self._burst_us) if self._again else None

    def add(self, kind: ReportKind, part: TrackedPart) -> None:
        """Keep a report until it is recorded, and send it first of all."""
        if len(self._parts) >= MAX_REPORTS:
            del self._parts[next(iter(self._parts))]
            self.lost += 1
        self._parts[(kind, part.number)] = part
        self._fresh.append((kind, part.number))

    def recorded(self, kind: ReportKind, number: int) -> None:
        """Forget a report: its row is committed."""
        self._parts.pop((kind, number), None)

    def resend(self, now_us: int) -> None:
        """Send everything again: the host is another one."""
        self._fresh.clear()
        self._again = deque((now_us, key) for key in self._parts)

    def send(self, now_us: int, put: Callable[[Message], bool]) -> None:
        """Hand what is due to `put`, which returns False when the line takes no more."""
        while self._fresh:
            if not self._put(self._fresh[0], put):
                return
            self._again.append((now_us + REPEAT_US, self._fresh.popleft()))
        if not self._again or now_us < max(self._again[0][0], self._burst_us):
            return
        self._burst_us = now_us + BURST_EVERY_US
        sent = 0
        while sent < BURST and self._again and self._again[0][0] <= now_us:
            key = self._again[0][1]
            if not self._put(key, put):
                return
            self._again.popleft()
            if key in self._parts:
                self._again.append((now_us + REPEAT_US, key))
                sent += 1

    def _put(self, key: _Key, put: Callable[[Message], bool]) -> bool:
        part = self._parts.get(key)
        if part is None:
            return True
        if key[0] is ReportKind.TRIGGER:
            return put(Trigger(part.number, part.tick, part.barred))
        row = (ReportKind.TRIGGER, part.number) not in self._parts
        return put(Outcome(part.number, part.done_tick or 0, part.outcome, row))
