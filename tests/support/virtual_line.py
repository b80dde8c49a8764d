"""A whole line in virtual time: the real lanes, a gate and a belt that keep their own record.

Nothing here waits: one thread steps the lanes against a ManualClock, so that a million parts go by
in about a minute. The belt's record is made from what the gate was told and when, never from what
the agent says of itself.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from agent.active_model import Judgement
from agent.clock import ManualClock
from agent.config import document as config
from agent.config.quality import Quality
from agent.lanes.gate import GateLane
from agent.lanes.inspection import InspectionLane
from agent.mailbox import NeverLose, NewestWins
from agent.quality.frames import FrameQuality
from agent.records import (
    Committed,
    Frame,
    GateOutcome,
    Judged,
    OutcomeCode,
    Part,
    PassOrder,
    Reason,
    Trigger,
    VerdictKind,
)
from agent.schedule import Timing
from agent.tally import Tally
from bundle.errors import ScoreError
from bundle.manifest import Thresholds
from bundle.policy import decide

MS = 1_000_000
BAND = Thresholds(reject_at=0.5, recheck_at=0.3, chosen="virtual line")
PIXELS = np.tile(np.arange(0, 256, 2, dtype=np.uint8), (64, 1))


@dataclass(frozen=True)
class Faults:
    """How often something goes wrong, as a share of the parts."""

    slow: float = 0.02  # the model takes far too long
    no_frame: float = 0.01
    engine: float = 0.01  # the model gives no number
    slow_commit: float = 0.01
    deaf: float = 0.0  # the gate does not take the order
    close: float = 0.01  # a second part right behind


@dataclass
class Seen:
    """What physically happened to one part."""

    at_ns: int
    score: float
    allowed_ns: int | None = None
    expiry_ns: int = 0
    passed: bool = False


class VirtualGate:
    """A gate with perfect hardware: it does what its orders say, in time, and reports."""

    def __init__(self, clock: ManualClock, timing: Timing, rng: random.Random, deaf: float) -> None:
        self._clock = clock
        self._timing = timing
        self._rng = rng
        self._deaf = deaf
        self._due: list[tuple[int, int]] = []
        self._events: list[Trigger | GateOutcome] = []
        self._previous_ns = -(10**12)
        self.parts: dict[int, Seen] = {}
        self.close_pairs: set[int] = set()
        self.recorded_events = 0

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """At rest it rejects."""

    def wake(self) -> None:
        """Nobody waits."""

    def arrive(self, number: int, score: float) -> None:
        """Let a part meet the photo-eye now."""
        now_ns = self._clock.now_ns()
        self.parts[number] = Seen(now_ns, score)
        if now_ns - self._previous_ns < self._timing.min_pitch_ns:
            self.close_pairs |= {number - 1, number}
        self._previous_ns = now_ns
        self._events.append(Trigger(1, number, now_ns))
        heapq.heappush(self._due, (self._timing.window(now_ns)[1], number))

    def poll(self, timeout_s: float) -> list[Trigger | GateOutcome]:
        """Return triggers, and the outcomes of parts whose window is over."""
        del timeout_s
        events, self._events = self._events, []
        while self._due and self._due[0][0] <= self._clock.now_ns():
            _, number = heapq.heappop(self._due)
            events.append(self._outcome(number))
        return events

    def allow(self, order: PassOrder) -> bool:
        """Take a permission if it can still be in time."""
        if self._rng.random() < self._deaf or self._clock.now_ns() >= order.expiry_ns:
            return False
        seen = self.parts[order.part]
        seen.allowed_ns, seen.expiry_ns = self._clock.now_ns(), order.expiry_ns
        return True

    def recorded(self, event: Trigger | GateOutcome) -> None:
        """Count what was confirmed."""
        del event
        self.recorded_events += 1

    def next_due_ns(self) -> int | None:
        """Return when the next outcome is due."""
        return self._due[0][0] if self._due else None

    def _outcome(self, number: int) -> GateOutcome:
        seen = self.parts[number]
        start_ns, end_ns = self._timing.window(seen.at_ns)
        code = OutcomeCode.REJECTED
        if number in self.close_pairs:
            code = OutcomeCode.TOO_CLOSE
        elif seen.allowed_ns is not None and seen.allowed_ns < start_ns:
            code = OutcomeCode.PASSED
            seen.passed = True
        return GateOutcome(1, number, code, end_ns)


@dataclass
class Book:
    """A ledger in memory with the rules of the real one."""

    verdicts: dict[int, VerdictKind] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    outcomes: dict[int, OutcomeCode] = field(default_factory=dict)
    doubles: int = 0

    def write(self, item: object) -> None:
        """Apply one record."""
        if isinstance(item, Part):
            self.doubles += item.trigger.part in self.verdicts
            self.verdicts[item.trigger.part] = VerdictKind.UNINSPECTED
        elif isinstance(item, Judged):
            self.verdicts[item.verdict.part.trigger.part] = item.verdict.kind
            self.reasons[item.verdict.part.trigger.part] = item.verdict.reason.value
        elif isinstance(item, GateOutcome):
            self.doubles += item.part in self.outcomes
            self.outcomes[item.part] = item.code


class ScriptedModel:
    """Gives each part the score that the belt has for it, after a scripted time."""

    title = "scripted-1"
    quality = None

    def __init__(self, line: VirtualLine) -> None:
        self._line = line

    def judge(self, pixels: np.ndarray) -> Judgement:
        """Judge the part whose turn it is."""
        del pixels
        line = self._line
        if line.rng.random() < line.faults.engine:
            raise ScoreError("scripted fault")
        slow = line.rng.random() < line.faults.slow
        line.clock.advance(round(line.rng.uniform(2, 5) * MS) + (400 * MS if slow else 0))
        score = line.current_score
        return Judgement(decide(score, BAND), score, 100_000, 3 * MS)


class VirtualFrames(NewestWins):
    """Frames of a belt in virtual time: who waits for one lets the time go by."""

    def first_within(
        self, from_ns: int, until_ns: int, give_up_ns: int
    ) -> tuple[Frame, int] | None:
        """Return the frame if it is there; else the wait is over, as no other thread brings one."""
        found = super().first_within(from_ns, until_ns, self._clock.now_ns())
        if found is None:
            self._clock.sleep(max(0, give_up_ns - self._clock.now_ns()) / 1e9)
        return found


class VirtualLine:
    """Belt, camera, lanes and recorder, stepped by one thread."""

    def __init__(self, parts: int, seed: int, faults: Faults = Faults()) -> None:
        self.rng = random.Random(seed)
        self.faults = faults
        self.clock = ManualClock(10**9)
        self.timing = Timing.from_config(config.Timing(max_in_flight=512))
        self.gate = VirtualGate(self.clock, self.timing, self.rng, faults.deaf)
        self.book = Book()
        self.tally = Tally()
        self.current_score = 0.0
        self._left = parts
        self._number = 0
        self._seq = 0
        self._recorder: NeverLose = NeverLose(10_000)
        self._committed: NeverLose[Committed] = NeverLose(10_000)
        self._parts: NeverLose[Part] = NeverLose(64)
        judged: NeverLose[Judged] = NeverLose(1_000)
        self._frames = VirtualFrames(self.clock)
        model = ScriptedModel(self)
        self._inspection = InspectionLane(
            self._parts, self._frames, judged, lambda: model, lambda: Reason.NONE,
            FrameQuality(Quality()), self.timing, 0, self.clock,
        )  # fmt: skip
        self._inspection.STEP_S = 0  # type: ignore[misc]
        self._gate_lane = GateLane(
            self.gate, judged, self._committed, self._parts, self._recorder, self._next_seq,
            lambda: True, self.timing, self.tally, self.clock,
        )  # fmt: skip

    def run(self) -> None:
        """Let all parts go by and wait for the last outcome."""
        next_ns = self.clock.now_ns()
        while self._left:
            self._run_until(next_ns)
            self._one_part()
            gap_ms = 3.0 if self.rng.random() < self.faults.close else self.rng.uniform(18, 60)
            next_ns = max(next_ns, self.clock.now_ns()) + round(gap_ms * MS)
        while (due_ns := self.gate.next_due_ns()) is not None:
            self._run_until(due_ns)

    def check(self) -> Counter:
        """Hold the belt's own record against the book; returns the verdicts."""
        parts, book = self.gate.parts, self.book
        assert set(parts) == set(book.verdicts) == set(book.outcomes), "a part without its row"
        assert book.doubles == 0, "a part counted twice"
        for number, seen in parts.items():
            kind = book.verdicts[number]
            assert seen.passed == (kind is VerdictKind.PASS), (number, seen, kind)
            if seen.passed:
                assert seen.score < BAND.recheck_at, f"wrong part let through: {number} {seen}"
                timing = self.timing  # the rule anew, not by the code that is judged
                latest_ns = timing.delay_ns - 2 * timing.guard_ns - timing.command_ns
                assert seen.allowed_ns < seen.at_ns + latest_ns, f"late: {number} {seen}"
        verdicts = Counter(book.verdicts.values())
        assert sum(verdicts.values()) == len(parts), "the balance does not hold"
        snapshot = self.tally.snapshot()
        assert snapshot.triggers == len(parts)
        assert snapshot.verdicts == {kind: verdicts[kind] for kind in VerdictKind}
        return verdicts

    def _one_part(self) -> None:
        self._left -= 1
        number, self._number = self._number, self._number + 1
        self.current_score = self.rng.random()
        self.gate.arrive(number, self.current_score)
        self._gate_lane.step()
        self.clock.advance(2 * MS)
        if self.rng.random() >= self.faults.no_frame:
            self._frames.put(Frame(PIXELS, self.clock.now_ns(), number))
        self._inspection.step()
        self._settle()

    def _settle(self) -> None:
        """Let verdicts, commits and permissions go round until nothing moves."""
        self._gate_lane.step()
        if self.rng.random() < self.faults.slow_commit:
            self.clock.advance(400 * MS)
        while items := self._recorder.take_all(0):
            for item in items:
                self.book.write(item)
            self._committed.put(_word(items))
            self._gate_lane.step()

    def _run_until(self, until_ns: int) -> None:
        while (due_ns := self.gate.next_due_ns()) is not None and due_ns <= until_ns:
            self.clock.advance(max(0, due_ns - self.clock.now_ns()))
            self._settle()
        self.clock.advance(max(0, until_ns - self.clock.now_ns()))

    def _next_seq(self) -> int:
        self._seq += 1
        return self._seq


def _word(items: list) -> Committed:
    return Committed(
        parts=tuple(item for item in items if isinstance(item, Part)),
        verdicts=tuple(item.verdict for item in items if isinstance(item, Judged)),
        outcomes=tuple(item for item in items if isinstance(item, GateOutcome)),
    )
