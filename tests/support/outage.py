"""A broker that is away while parts go by, and the draining of what gathered meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import psutil

from agent.clock import Clock, ManualClock
from agent.config.document import Station
from agent.lanes.telemetry import TelemetryLane
from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import open_ledger
from agent.plant.messages import Topics, event_message, result_message
from agent.records import GateOutcome, OutcomeCode, Part, Trigger, Verdict, VerdictKind

TOPICS = Topics(Station())
PITCH_NS = 100_000_000  # ten parts a second
STATE_EVERY_NS = 5_000_000_000
AT_ONCE = 500


class Outage:
    """A ledger that fills up without a broker. Time is that of the clock, so a day is minutes."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self.clock = clock or ManualClock(10**9)
        self.ledger = open_ledger(folder, self.clock, ballast_bytes=4096)
        self.count = 0

    def away(self, rows: int) -> None:
        """Let so many parts go by, ten a second."""
        while rows > 0:
            size = min(rows, AT_ONCE)
            self.ledger.write([write for _ in range(size) for write in self._part()])
            self.ledger.maintain()
            rows -= size

    def lane(self, publisher) -> TelemetryLane:
        """Return the lane that drains the ledger to a publisher."""
        now, epoch = self.clock.now_ns, self.ledger.epoch
        return TelemetryLane(
            publisher, self.ledger, TOPICS,
            lambda row: result_message(row, "d", epoch, now()),
            lambda row: event_message(row, "d", epoch, now()),
            lambda: b"{}", STATE_EVERY_NS, self.clock,
        )  # fmt: skip

    def drain(self, lane: TelemetryLane, each: Callable[[], None] = lambda: None) -> None:
        """Step the lane until the broker has everything."""
        while self.ledger.backlog():
            lane.step()
            each()

    def _part(self) -> list:
        self.count += 1
        now_ns = self.clock.now_ns()
        part = Part(self.ledger.sequencer.next(), Trigger(1, self.count, now_ns))
        verdict = Verdict(part, VerdictKind.PASS, score=0.02, model="casting 3", judged_ns=now_ns)
        outcome = GateOutcome(1, self.count, OutcomeCode.PASSED, now_ns)
        if isinstance(self.clock, ManualClock):
            self.clock.advance(PITCH_NS)
        return [OpenPart(part, self.clock.wall_ns()), SetVerdict(verdict), SetOutcome(outcome)]


class Arrivals:
    """What a subscriber got: every part once or more, first arrivals in order, no gap."""

    def __init__(self) -> None:
        self.parts = 0
        self.repeats = 0
        self._last: int | None = None

    def take(self, body: bytes) -> None:
        """Take in one result."""
        result = json.loads(body)
        if self._last is not None and result["seq"] <= self._last:
            self.repeats += 1
            return
        assert result["prev"] == self._last, f"a gap before {result['id']}"
        assert result["id"].endswith(f"/{result['seq']}")
        self._last = result["seq"]
        self.parts += 1


class InstantBroker:
    """A publisher whose broker takes everything at once, but for what it loses on purpose."""

    def __init__(self, arrivals: Arrivals, window: int = 20, cut_every: int = 0) -> None:
        self.arrivals = arrivals
        self.connected = True
        self.fault = ""
        self.states = self.cuts = 0
        self._window, self._cut_every = window, cut_every
        self._sent = 0
        self._on_the_way: list[int] = []
        self._lost: list[int] = []

    def start(self) -> None:
        """Nothing to do."""

    def stop(self) -> None:
        """Nothing to do."""

    def publish(self, topic: str, body: bytes, *, token: int | None, retain: bool = False) -> bool:
        """Take what fits into the window; now and then the connection breaks after that."""
        if token is None:
            self.states += retain
            return True
        if len(self._on_the_way) >= self._window or self._lost:
            return False
        if topic == TOPICS.result:
            self.arrivals.take(body)
        self._on_the_way.append(token)
        self._sent += 1
        if self._cut_every and self._sent % self._cut_every == 0:
            self.cuts += 1
            self._lost, self._on_the_way = self._on_the_way, []
        return True

    def confirmed(self) -> list[int]:
        """Return what has been taken."""
        tokens, self._on_the_way = self._on_the_way, []
        return tokens

    def lost(self) -> list[int]:
        """Return what was on its way at a break."""
        tokens, self._lost = self._lost, []
        return tokens


def memory_bytes() -> int:
    """Return how much memory this process holds."""
    return int(psutil.Process().memory_info().rss)
