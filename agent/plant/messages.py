"""MQTT topics and JSON bodies: what the plant reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from agent.config.document import Station
from agent.drift.detector import DriftStatus
from agent.drift.trend import TrendStatus
from agent.ledger.rows import Balance, EventRow, ResultRow
from agent.line.mode import INSPECTING, Mode
from agent.plant.bodies import (
    Account,
    BoardState,
    Body,
    EventMessage,
    FigureDrift,
    LineStatus,
    ModelState,
    Percentiles,
    RejectTrend,
    Result,
    State,
    Status,
    StatusReason,
)
from agent.records import VerdictKind
from agent.tally import Latency, Snapshot
from agent.thermal import UNKNOWN, Thermal
from agent.wall_time import iso_time

REPLAYED_AFTER_NS = 30_000_000_000


SCHEMAS: dict[str, type[Body]] = {
    "result": Result,
    "event": EventMessage,
    "status": Status,
    "state": State,
}
SCHEMA_VERSION = 1
_STATUS: dict[StatusReason, Literal["online", "waiting"]] = {
    "started": "online",
    "cannot_start": "waiting",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """How the machine is at one moment; gate, camera and broker in words."""

    model: ModelState
    gate: str
    camera: str
    broker: str
    drift: DriftStatus
    trend: TrendStatus
    audit: str
    line: Mode = INSPECTING
    thermal: Thermal = UNKNOWN
    camera_differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one station: ROOT/SITE/AREA/LINE/CELL/..."""

    station: Station

    @property
    def status(self) -> str:
        """Whether the agent is there; retained."""
        return self._topic("status")

    @property
    def state(self) -> str:
        """How the line is doing; retained."""
        return self._topic("state")

    @property
    def result(self) -> str:
        """One message per part."""
        return self._topic("result")

    @property
    def event(self) -> str:
        """What happened to the machine."""
        return self._topic("event")

    def _topic(self, kind: str) -> str:
        at = self.station
        return f"{at.root}/{at.site}/{at.area}/{at.line}/{at.cell}/{kind}"


def schema_name(topic: str) -> str:
    """Return what the user property `schema` says of a message on this topic."""
    return f"linewarden/{topic.rsplit('/', 1)[-1]}/{SCHEMA_VERSION}"


def result_message(row: ResultRow, device: str, epoch: str, now_ns: int) -> bytes:
    """Return the body of one part's result; only `replayed` differs between repeats."""
    done_ns = max(row.at_ns, row.outcome_ns or 0)
    result = Result(
        id=f"{device}/{epoch}/{row.seq}",
        verdict=row.verdict,
        seq=row.seq,
        prev=row.prev,
        reason=row.reason,
        outcome=row.outcome,
        replayed=not row.this_boot or now_ns - done_ns > REPLAYED_AFTER_NS,
        at=iso_time(row.wall_ns),
        clock_ok=row.clock_ok,
        score=row.score,
        model=row.model,
        frame_ms=_since(row.at_ns, row.frame_ns),
        verdict_ms=_since(row.at_ns, row.judged_ns),
        gate_ms=_since(row.at_ns, row.outcome_ns),
        prepare_ms=_us_to_ms(row.prepare_us),
        invoke_ms=_us_to_ms(row.invoke_us),
        gate_boot=row.boot,
        gate_part=row.gate_part,
        picture=row.picture,
    )
    return _json(result)


def event_message(row: EventRow, device: str, epoch: str, now_ns: int) -> bytes:
    """Return the body of one event; only `replayed` differs between repeats."""
    event = EventMessage(
        id=f"{device}/{epoch}/event-{row.number}",
        kind=row.kind,
        text=row.text,
        at=iso_time(row.wall_ns),
        replayed=not row.this_boot or now_ns - row.at_ns > REPLAYED_AFTER_NS,
    )
    return _json(event)


def status_message(
    reason: StatusReason,
    *,
    device: str,
    session: str,
    version: str,
    since_wall_ns: int,
    why: str = "",
) -> bytes:
    """Return the body for `status`: online, waiting, or offline since it was stopped or lost."""
    status = Status(
        status=_STATUS.get(reason, "offline"),
        reason=reason,
        device=device,
        session=session,
        version=version,
        since=iso_time(since_wall_ns),
        why=why,
    )
    return _json(status)


def state_body(
    *,
    wall_ns: int,
    since_wall_ns: int,
    version: str,
    balance: Balance,
    snapshot: Snapshot,
    backlog: int,
    condition: Condition,
) -> State:
    """Return what `state` says, for a message or for the metrics."""
    return State(
        at=iso_time(wall_ns),
        since=iso_time(since_wall_ns),
        version=version,
        balance=_account(balance),
        session=_account(_session_balance(snapshot)),
        reasons=snapshot.reasons,
        outcomes={code.value: count for code, count in snapshot.outcomes.items()},
        parts_per_s=round(snapshot.parts_per_s, 2),
        backlog=backlog,
        trigger_to_verdict_ms=_percentiles(snapshot.trigger_to_verdict),
        hand_to_gate_ms=_percentiles(snapshot.hand_to_gate),
        overhead_ms=_percentiles(snapshot.overhead),
        invoke_ms=_percentiles(snapshot.invoke),
        model=condition.model,
        gate=condition.gate,
        camera=condition.camera,
        camera_differs=list(condition.camera_differs),
        broker=condition.broker,
        drift=_drift(condition.drift),
        reject_trend=_reject_trend(condition.trend),
        line=_line(condition.line),
        gate_disagrees=snapshot.disagreements,
        board=BoardState(
            temperature_c=condition.thermal.hottest_c, slowed_by=list(condition.thermal.slowed_by)
        ),
        audit=condition.audit,
    )


def state_message(state: State) -> bytes:
    """Return the body for `state`."""
    return _json(state)


def shortened(body: bytes, schema: type[Body]) -> bytes:
    """Cut a body down to the keys its schema requires: for a broker that takes no more."""
    wanted = [key for key, field in schema.model_fields.items() if field.is_required()]
    parsed = json.loads(body)
    return json.dumps({key: parsed[key] for key in wanted}, separators=(",", ":")).encode("utf-8")


def _json(body: Body) -> bytes:
    return body.model_dump_json().encode("utf-8")


def _since(at_ns: int, then_ns: int | None) -> float | None:
    return None if then_ns is None else round((then_ns - at_ns) / 1e6, 3)


def _us_to_ms(value_us: int | None) -> float | None:
    return None if value_us is None else value_us / 1000


def _account(balance: Balance) -> Account:
    return Account(
        triggers=balance.triggers,
        passed=balance.passed,
        rejected=balance.rejected,
        rechecked=balance.rechecked,
        uninspected=balance.uninspected,
        in_work=balance.in_work,
    )


def _session_balance(snapshot: Snapshot) -> Balance:
    count = snapshot.verdicts
    in_work = snapshot.triggers - sum(count.values())
    return Balance(
        triggers=snapshot.triggers,
        passed=count[VerdictKind.PASS],
        rejected=count[VerdictKind.REJECT],
        rechecked=count[VerdictKind.RECHECK],
        uninspected=count[VerdictKind.UNINSPECTED] + in_work,
        in_work=in_work,
    )


def _percentiles(latency: Latency | None) -> Percentiles | None:
    if latency is None:
        return None
    return Percentiles(
        p50=latency.p50_ms, p90=latency.p90_ms, p99=latency.p99_ms, worst=latency.worst_ms
    )


def _line(mode: Mode) -> LineStatus:
    return LineStatus(
        mode=mode.kind,
        by=mode.by,
        why=mode.why,
        since=iso_time(mode.since_wall_ns) if mode.since_wall_ns else "",
        until=iso_time(mode.until_wall_ns) if mode.until_wall_ns else "",
    )


def _drift(status: DriftStatus) -> list[FigureDrift]:
    return [
        FigureDrift(
            name=one.name,
            source=one.source,
            index=one.index,
            cusum=one.cusum,
            drifting=one.drifting,
        )
        for one in status.figures
    ]


def _reject_trend(status: TrendStatus) -> RejectTrend:
    return RejectTrend(
        trend=status.trend,
        parts=status.parts,
        rate=_rounded(status.rate),
        per_1000=_rounded(status.per_1000),
        per_1000_low=_rounded(status.per_1000_low),
        per_1000_high=_rounded(status.per_1000_high),
        confidence=_rounded(status.confidence),
        doubles_in_parts=status.doubles_in_parts,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
