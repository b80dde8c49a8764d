"""What the bodies of our MQTT messages hold; `docs/schemas/` is made from these models."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from agent.drift.detector import Source
from agent.drift.trend import Direction
from agent.line.mode import ModeKind
from agent.records import OutcomeCode, Reason, VerdictKind

StatusReason: TypeAlias = Literal["started", "stopped", "lost", "cannot_start"]


class Body(BaseModel):
    """The ground rules of every body."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Result(Body):
    """What became of one part. A broker that only takes small packets gets the required keys."""

    id: str = Field(description="DEVICE/EPOCH/SEQ: the same in every repeat of this result.")
    verdict: VerdictKind = Field(description="What was decided about the part.")
    seq: int = Field(ge=1, description="The line's own number of the part; grows, with gaps.")
    prev: int | None = Field(
        description="`seq` of the result before this one; null for the ledger's first."
    )
    reason: Reason = Field(description="Why the part is UNINSPECTED, else `none`.")
    outcome: OutcomeCode = Field(description="What the gate did with the part, as it reported.")
    replayed: bool = Field(
        False, description="True when the result is over 30 s old or of an earlier start."
    )
    at: str = Field("", description="When the part came, by the wall clock: ISO 8601, UTC.")
    clock_ok: bool = Field(True, description="False while the wall clock is known to be wrong.")
    score: float | None = Field(
        None, description="How defective the model finds the part, 0 to 1; null without one."
    )
    model: str = Field("", description="Name and version of the model; empty without one.")
    frame_ms: float | None = Field(None, description="From the trigger to the frame.")
    verdict_ms: float | None = Field(None, description="From the trigger to the verdict.")
    gate_ms: float | None = Field(None, description="From the trigger to the gate.")
    prepare_ms: float | None = Field(None, description="Time spent on preparing the frame.")
    invoke_ms: float | None = Field(None, description="Time spent in the model.")
    gate_boot: int = Field(0, description="The gate controller's boot number.")
    gate_part: int = Field(0, description="The gate controller's own count of this part.")
    picture: str = Field("", description="The kept picture on the device; empty for none.")


class EventMessage(Body):
    """Something that happened to the machine rather than to a part."""

    id: str = Field(description="DEVICE/EPOCH/event-N: the same in every repeat of this event.")
    kind: str = Field(description="What happened, in one word.")
    text: str = Field("", description="What happened, in a sentence for a technician.")
    at: str = Field("", description="When, by the wall clock: ISO 8601, UTC.")
    replayed: bool = Field(
        False, description="True when the event is over 30 s old or of an earlier start."
    )


class Status(Body):
    """Whether the agent is there; retained, and the last will when it is not."""

    status: Literal["online", "offline", "waiting"] = Field(
        description="Whether the agent is connected; `waiting`: it is, but cannot start, and "
        "every part is rejected."
    )
    reason: StatusReason = Field(
        description="`stopped` was meant; `lost` is the broker's word for a dead connection; "
        "`cannot_start` is `waiting`."
    )
    device: str = Field(description="The device's name.")
    session: str = Field(description="Names one start of the agent: compare it, not the order.")
    version: str = Field(description="Version of linewarden.")
    since: str = Field(description="When the agent started, by the wall clock: ISO 8601, UTC.")
    why: str = Field(
        "", description="What keeps a waiting agent from starting, and what to do; or empty."
    )


class Account(Body):
    """triggers = passed + rejected + rechecked + uninspected, at every moment."""

    triggers: int = Field(description="Parts that met the photo-eye.")
    passed: int = Field(description="Parts that were let through.")
    rejected: int = Field(description="Parts found defective.")
    rechecked: int = Field(description="Parts the model is not sure of; diverted as well.")
    uninspected: int = Field(description="Parts without a verdict; diverted, `in_work` included.")
    in_work: int = Field(description="Parts between photo-eye and verdict just now.")


class Percentiles(Body):
    """Percentiles of a time over the last parts, in milliseconds."""

    p50: float = Field(description="Half of the parts took at most so long.")
    p90: float = Field(description="Nine of ten parts took at most so long.")
    p99: float = Field(description="99 of 100 parts took at most so long.")
    worst: float = Field(description="The slowest part.")


class ModelState(Body):
    """The model that judges."""

    name: str = Field(description="Name of the bundle; empty while there is none.")
    version: str = Field(description="Version of the bundle.")
    signed: bool = Field(description="Whether the bundle's signature was verified.")
    unsigned_allowed: bool = Field(
        False, description="Whether a bundle that nobody signed may judge here."
    )
    on_probation: bool = Field(False, description="Whether the model has still to prove itself.")
    refused: str = Field(
        "", description="Why the model flashed last does not judge, or stand beside; or empty."
    )
    shadow: str = Field("", description="The model that looks at the parts beside it; or empty.")


class FigureDrift(Body):
    """How far one figure of the parts is from one reference: the bundle's, or the first parts."""

    name: str = Field(description="`score`, `brightness` or `sharpness`.")
    source: Source = Field(
        description="Where the reference is from; `learning` while its parts are gathered."
    )
    index: float | None = Field(
        description="Population stability index over the last parts; null with too few."
    )
    cusum: float | None = Field(
        description="Cumulative sum of the shifts, below 0 for downwards; null while learning."
    )
    drifting: bool = Field(description="Whether the figure no longer looks like its reference.")


class RejectTrend(Body):
    """Where the share of parts that were not passed (REJECT and RECHECK) is going."""

    trend: Direction = Field(description="`learning` until enough parts have gone by.")
    parts: int = Field(description="Over how many parts.")
    rate: float | None = Field(description="Share of the parts that were not passed.")
    per_1000: float | None = Field(description="Change of `rate` with each 1000 parts.")
    per_1000_low: float | None = Field(description="Lower end of its 95 % interval.")
    per_1000_high: float | None = Field(description="Upper end of its 95 % interval.")
    confidence: float | None = Field(
        description="How sure it is, 0 to 1, that the rate does not stand still."
    )
    doubles_in_parts: int | None = Field(
        description="Parts until the rate has doubled; null unless it is rising."
    )


class LineStatus(Body):
    """What the line as a whole is set to, and who set it so."""

    mode: ModeKind = Field(
        description="`inspecting`; `paused`: all diverted; `bypassed`: all let through "
        "uninspected; `latched`: all diverted since the gate disagreed."
    )
    by: str = Field("", description="Who asked for it; empty for the usual.")
    why: str = Field("", description="The reason given.")
    since: str = Field("", description="Since when: ISO 8601, UTC; empty since the start.")
    until: str = Field("", description="When it ends by itself; empty for never.")


class BoardState(Body):
    """How the board is."""

    temperature_c: float | None = Field(None, description="The hottest zone; null without one.")
    slowed_by: list[str] = Field(
        [], description="What slows the board down just now: throttled, under_voltage, and others."
    )


class State(Body):
    """How the line is doing; retained, every few seconds, and stale after three of them."""

    at: str = Field(description="When this was written, by the wall clock: ISO 8601, UTC.")
    since: str = Field(description="When the agent started, by the wall clock: ISO 8601, UTC.")
    version: str = Field(description="Version of linewarden.")
    balance: Account = Field(description="The account since the ledger was begun.")
    session: Account = Field(description="The account since the agent started.")
    reasons: dict[str, int] = Field(description="UNINSPECTED parts of this start by reason.")
    outcomes: dict[str, int] = Field(description="What the gate did since the start, by code.")
    parts_per_s: float = Field(description="Parts per second over the last parts.")
    backlog: int = Field(description="Results in the ledger that the broker has not got yet.")
    trigger_to_verdict_ms: Percentiles | None = Field(description="From trigger to verdict.")
    hand_to_gate_ms: Percentiles | None = Field(description="From frame in hand to the gate lane.")
    overhead_ms: Percentiles | None = Field(
        description="From frame in hand to the gate lane, less the time spent in the model."
    )
    invoke_ms: Percentiles | None = Field(description="Time spent in the model.")
    model: ModelState = Field(description="Which model judges just now.")
    gate: str = Field(description="What the gate is doing, in a word or a sentence.")
    camera: str = Field(description="What the camera is doing, in a word or a sentence.")
    camera_differs: list[str] = Field(
        [], description="Settings of the camera that are others than the model was trained with."
    )
    broker: str = Field(description="What hinders publishing; empty when nothing does.")
    drift: list[FigureDrift] = Field([], description="Whether the line looks as it did.")
    reject_trend: RejectTrend | None = Field(None, description="Whether the reject rate creeps.")
    line: LineStatus | None = Field(None, description="What a person has set the line to.")
    gate_disagrees: int = Field(
        0, description="Parts since the start that a second photo-eye saw go the wrong way."
    )
    board: BoardState = Field(BoardState(), description="Heat and supply of the board.")
    audit: str = Field("", description="NUMBER:HASH of the audit chain's last row; empty for none.")
