"""The demo's last word: balance, escapes, false rejects, latencies, wrong-part gates."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from agent.demo.truth import Truth
from agent.sim.judge import BeltPart, Judgement, Row, judge
from agent.tally import Latency, Snapshot

VERDICTS = ("PASS", "REJECT", "RECHECK", "UNINSPECTED")


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one demo. Escapes and false rejects count physical parts at the gate."""

    model: str
    parts: int
    verdicts: dict[str, int]
    reasons: dict[str, int]
    balanced: bool
    wrong_part_gates: int
    passed: int
    diverted: int
    defective: int
    escapes: int
    good: int
    false_rejects: int
    unknown: int
    results: int
    repeats: int
    trigger_to_gate_lane: Latency | None
    frame_to_gate_lane: Latency | None
    overhead: Latency | None
    invoke: Latency | None

    @property
    def kept_promises(self) -> bool:
        """Whether balance, gate and outbox were right."""
        return self.balanced and not self.wrong_part_gates and self.results == self.parts

    def to_json(self) -> str:
        """Return the summary for a program."""
        return json.dumps(asdict(self) | {"kept_promises": self.kept_promises}, indent=1)

    def to_text(self) -> str:
        """Return the summary for a person."""
        sums = " + ".join(f"{self.verdicts[kind]} {kind}" for kind in VERDICTS)
        sign = "=" if self.balanced else "IS NOT"
        lines = [
            f"balance          {self.parts} parts {sign} {sums}",
            f"gate             {self.passed} passed, {self.diverted} diverted, "
            f"{self.wrong_part_gates} wrong-part gates",
            f"escapes          {self.escapes} of {self.defective} defective parts were passed",
            f"false rejects    {self.false_rejects} of {self.good} good parts were diverted",
            f"MQTT             {self.results} results at the subscriber, {self.repeats} repeats",
            f"trigger → gate   {_shown(self.trigger_to_gate_lane)}",
            f"frame → verdict  {_shown(self.frame_to_gate_lane)}",
            f"model alone      {_shown(self.invoke)}",
        ]
        if self.reasons:
            why = ", ".join(f"{count} {reason}" for reason, count in sorted(self.reasons.items()))
            lines.insert(1, f"uninspected      {why}")
        if self.unknown:
            lines.append(f"({self.unknown} parts lie in folders that are no label of the model)")
        return "\n".join(lines)


def summarise(
    model: str,
    belt: Iterable[BeltPart],
    rows: Iterable[Row],
    truth: Truth,
    snapshot: Snapshot,
    results: tuple[int, int],
) -> Summary:
    """Judge a demo by the belt's record and the ledger's rows; `results` counts and repeats."""
    belt, rows = list(belt), list(rows)
    found = judge(belt, rows)
    verdicts = {kind: sum(row[2] == kind for row in rows) for kind in VERDICTS}
    known = [(part, truth(part.belt_part)) for part in belt]
    bad = [part for part, defective in known if defective is True]
    good = [part for part, defective in known if defective is False]
    return Summary(
        model=model,
        parts=found.parts,
        verdicts=verdicts,
        reasons=snapshot.reasons,
        balanced=_balanced(found, verdicts),
        wrong_part_gates=len(found.wrong_part),
        passed=found.passed,
        diverted=found.diverted,
        defective=len(bad),
        escapes=sum(part.passed for part in bad),
        good=len(good),
        false_rejects=sum(not part.passed for part in good),
        unknown=len(belt) - len(bad) - len(good),
        results=results[0],
        repeats=results[1],
        trigger_to_gate_lane=snapshot.trigger_to_verdict,
        frame_to_gate_lane=snapshot.hand_to_gate,
        overhead=snapshot.overhead,
        invoke=snapshot.invoke,
    )


def _balanced(found: Judgement, verdicts: dict[str, int]) -> bool:
    return found.balanced and sum(verdicts.values()) == found.parts


def _shown(latency: Latency | None) -> str:
    if latency is None:
        return "no part was judged"
    return (
        f"p50 {latency.p50_ms:.2f} ms   p90 {latency.p90_ms:.2f} ms   "
        f"p99 {latency.p99_ms:.2f} ms   worst {latency.worst_ms:.2f} ms"
    )
