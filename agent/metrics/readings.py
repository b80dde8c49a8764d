"""What a `state` holds as metrics in base units."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from agent.line.mode import ModeKind
from agent.plant.bodies import FigureDrift, Percentiles, State

TREND_SIGNS = {"rising": 1, "falling": -1}

Samples = tuple[tuple[tuple[str, ...], float], ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric: its samples are (label values, value)."""

    name: str
    text: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    samples: Samples


def readings(state: State) -> tuple[Reading, ...]:
    """Return what a state holds as metrics, in base units.

    Verdicts are gauges: a PASS that the gate did not obey is taken back, and a counter that goes
    down reads as a restart.
    """
    return (*_parts(state), *_speed(state), *_condition(state))


def _parts(state: State) -> tuple[Reading, ...]:
    account = state.balance
    verdicts = (
        (("PASS",), float(account.passed)),
        (("REJECT",), float(account.rejected)),
        (("RECHECK",), float(account.rechecked)),
        (("UNINSPECTED",), float(account.uninspected)),
    )
    return (
        _counter("linewarden_triggers", "Parts since the ledger was begun.", account.triggers),
        Reading(
            "linewarden_parts", "Parts by verdict; they add up.", "gauge", ("verdict",), verdicts
        ),
        _gauge("linewarden_parts_in_work", "Parts between photo-eye and verdict.", account.in_work),
        _counted("linewarden_uninspected", "reason", state.reasons),
        _counted("linewarden_gate_outcomes", "outcome", state.outcomes),
    )


def _speed(state: State) -> tuple[Reading, ...]:
    stages = {
        "trigger_to_verdict": state.trigger_to_verdict_ms,
        "hand_to_gate": state.hand_to_gate_ms,
        "overhead": state.overhead_ms,
        "invoke": state.invoke_ms,
    }
    samples = tuple(
        ((stage, quantile), value_ms / 1000)
        for stage, times in stages.items()
        if times is not None
        for quantile, value_ms in _quantiles(times)
    )
    return (
        _gauge("linewarden_parts_per_second", "Over the last parts.", state.parts_per_s),
        Reading(
            "linewarden_latency_seconds",
            "Over the last parts; quantile 1 is the slowest.",
            "gauge",
            ("stage", "quantile"),
            samples,
        ),
    )


def _condition(state: State) -> tuple[Reading, ...]:
    model = state.model
    info = (((state.version, model.name, model.version), 1.0),)
    return (
        _gauge("linewarden_backlog", "Results that the broker has not got yet.", state.backlog),
        _gauge("linewarden_model_ready", "1 while a proven model judges.", bool(model.name)),
        _gauge("linewarden_gate_ready", "1 while the gate is in step.", state.gate == "in step"),
        _gauge("linewarden_camera_up", "1 while the camera delivers.", state.camera == "up"),
        _gauge(
            "linewarden_camera_differs",
            "Camera settings that are others than those that the model was trained with.",
            len(state.camera_differs),
        ),
        _gauge("linewarden_broker_ready", "1 while nothing hinders publishing.", not state.broker),
        *_line(state),
        *_likeness(state),
        *_board(state),
        _gauge("linewarden_state_time_seconds", "When this was written.", _seconds(state.at)),
        _gauge("linewarden_start_time_seconds", "When the agent started.", _seconds(state.since)),
        Reading(
            "linewarden_build_info",
            "Versions of agent and model.",
            "gauge",
            ("version", "model", "model_version"),
            info,
        ),
    )


def _line(state: State) -> tuple[Reading, ...]:
    now = state.line.mode if state.line else ModeKind.INSPECTING
    modes = tuple(((mode.value,), float(mode is now)) for mode in ModeKind)
    return (
        Reading("linewarden_line", "1 for what the line is set to.", "gauge", ("mode",), modes),
        _counter(
            "linewarden_gate_disagrees",
            "Parts since the start that a second photo-eye saw go the wrong way.",
            state.gate_disagrees,
        ),
    )


def _board(state: State) -> tuple[Reading, ...]:
    board = state.board
    slowed = _gauge("linewarden_slowed", "1 while heat or supply slows it.", bool(board.slowed_by))
    if board.temperature_c is None:
        return (slowed,)
    return slowed, _gauge(
        "linewarden_temperature_celsius", "The hottest zone.", board.temperature_c
    )


def _furthest(drift: Sequence[FigureDrift]) -> tuple[Samples, Samples]:
    """Return of each figure whether it drifts, and its index: of two references the worse."""
    drifting: dict[str, float] = {}
    indices: dict[str, float] = {}
    for one in drift:
        drifting[one.name] = max(drifting.get(one.name, 0.0), float(one.drifting))
        if one.index is not None:
            indices[one.name] = max(indices.get(one.name, one.index), one.index)
    return (
        tuple(((name,), value) for name, value in drifting.items()),
        tuple(((name,), value) for name, value in indices.items()),
    )


def _likeness(state: State) -> tuple[Reading, ...]:
    drifting, indices = _furthest(state.drift)
    trend = state.reject_trend.trend if state.reject_trend else ""
    return (
        Reading(
            "linewarden_drift",
            "1 while a figure no longer looks like its reference.",
            "gauge",
            ("figure",),
            drifting,
        ),
        Reading(
            "linewarden_drift_index",
            "Population stability index; none with too few parts.",
            "gauge",
            ("figure",),
            indices,
        ),
        _gauge(
            "linewarden_reject_trend",
            "1 while the reject rate is rising, -1 while it is falling.",
            TREND_SIGNS.get(trend, 0),
        ),
    )


def _quantiles(times: Percentiles) -> tuple[tuple[str, float], ...]:
    return ("0.5", times.p50), ("0.9", times.p90), ("0.99", times.p99), ("1", times.worst)


def _gauge(name: str, text: str, value: float) -> Reading:
    return Reading(name, text, "gauge", (), (((), float(value)),))


def _counter(name: str, text: str, value: float) -> Reading:
    return Reading(name, text, "counter", (), (((), float(value)),))


def _counted(name: str, label: str, counts: dict[str, int]) -> Reading:
    samples = tuple(((word,), float(count)) for word, count in counts.items())
    return Reading(
        name, f"Parts since the agent started, by {label}.", "counter", (label,), samples
    )


def _seconds(at: str) -> float:
    """Return a time of our messages as seconds since 1970."""
    return datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()
