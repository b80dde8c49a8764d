"""What the agent counts while it runs: verdicts, outcomes and latencies, for state and screen."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass

from agent.records import OutcomeCode, Verdict, VerdictKind

REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of a time over the last parts, in milliseconds."""

    p50_ms: float
    p90_ms: float
    p99_ms: float
    worst_ms: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counts at one moment, since the agent started."""

    triggers: int
    verdicts: dict[VerdictKind, int]
    reasons: dict[str, int]
    outcomes: dict[OutcomeCode, int]
    disagreements: int
    trigger_to_verdict: Latency | None
    hand_to_gate: Latency | None
    overhead: Latency | None
    invoke: Latency | None
    parts_per_s: float
    recent: tuple[Verdict, ...]


class Tally:
    """Counters that lanes add to and others read; one lock, held for moments."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._triggers = 0
        self._verdicts: Counter[VerdictKind] = Counter()
        self._reasons: Counter[str] = Counter()
        self._outcomes: Counter[OutcomeCode] = Counter()
        self._disagreements = 0
        self._arrivals: deque[int] = deque(maxlen=200)
        self._recent: deque[Verdict] = deque(maxlen=40)
        self._verdict_us: deque[int] = deque(maxlen=REMEMBERED)
        self._hand_us: deque[int] = deque(maxlen=REMEMBERED)
        self._overhead_us: deque[int] = deque(maxlen=REMEMBERED)
        self._invoke_us: deque[int] = deque(maxlen=REMEMBERED)

    def trigger(self, at_ns: int) -> None:
        """Count one part at the photo-eye."""
        with self._lock:
            self._triggers += 1
            self._arrivals.append(at_ns)

    def verdict(self, verdict: Verdict, at_gate_ns: int) -> None:
        """Count one settled verdict, which reached the gate lane at `at_gate_ns`."""
        with self._lock:
            self._verdicts[verdict.kind] += 1
            if verdict.kind is VerdictKind.UNINSPECTED:
                self._reasons[verdict.reason.value] += 1
            self._recent.append(verdict)
            if verdict.ready_ns is None or verdict.invoke_us is None:
                return
            hand_us = (at_gate_ns - verdict.ready_ns) // 1000
            self._verdict_us.append((at_gate_ns - verdict.part.trigger.at_ns) // 1000)
            self._hand_us.append(hand_us)
            self._overhead_us.append(hand_us - verdict.invoke_us)
            self._invoke_us.append(verdict.invoke_us)

    def amend(self, before: VerdictKind, after: Verdict) -> None:
        """Count a verdict anew which was counted as `before`: its part was not let through."""
        with self._lock:
            self._verdicts[before] -= 1
            self._verdicts[after.kind] += 1
            self._reasons[after.reason.value] += 1

    def outcome(self, code: OutcomeCode) -> None:
        """Count what the gate did with one part."""
        with self._lock:
            self._outcomes[code] += 1

    def disagreement(self) -> None:
        """Count a part that was seen where it should not be, or not seen where it should."""
        with self._lock:
            self._disagreements += 1

    def snapshot(self) -> Snapshot:
        """Return a copy of the counts."""
        with self._lock:
            rings = [
                list(ring)
                for ring in (self._verdict_us, self._hand_us, self._overhead_us, self._invoke_us)
            ]
            arrivals = list(self._arrivals)
            triggers = self._triggers
            verdicts = {kind: self._verdicts[kind] for kind in VerdictKind}
            reasons, outcomes = dict(self._reasons), dict(self._outcomes)
            disagreements = self._disagreements
            recent = tuple(self._recent)
        verdict_us, hand_us, overhead_us, invoke_us = (latency(ring) for ring in rings)
        span_ns = arrivals[-1] - arrivals[0] if len(arrivals) > 1 else 0
        return Snapshot(
            triggers=triggers,
            verdicts=verdicts,
            reasons=reasons,
            outcomes=outcomes,
            disagreements=disagreements,
            trigger_to_verdict=verdict_us,
            hand_to_gate=hand_us,
            overhead=overhead_us,
            invoke=invoke_us,
            parts_per_s=(len(arrivals) - 1) * 1e9 / span_ns if span_ns > 0 else 0.0,
            recent=recent,
        )


def latency(values_us: list[int]) -> Latency | None:
    """Return the percentiles of times in microseconds; None of none."""
    if not values_us:
        return None
    ordered = sorted(values_us)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000

    return Latency(at(0.5), at(0.9), at(0.99), ordered[-1] / 1000)
