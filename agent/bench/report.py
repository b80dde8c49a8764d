"""Everything one call of `linewarden bench` found out, as one record and as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from agent.bench.loading import Loading
from agent.bench.machine import Conditions, Machine
from agent.bench.measure import Measurement
from agent.bench.operators import Profile
from agent.bench.power import Energy


@dataclass(frozen=True, slots=True)
class Result:
    """One bundle at one thread count; `energy` is None on machines that cannot tell."""

    times: Measurement
    size_bytes: int
    model_bytes: int
    loading: Loading
    energy: Energy | None


@dataclass(frozen=True, slots=True)
class BundleProfile:
    """The operators of one bundle."""

    bundle: str
    profile: Profile


@dataclass(frozen=True, slots=True)
class Report:
    """The machine, what was measured, and what the board said meanwhile."""

    machine: Machine
    conditions: Conditions
    runs: int
    warm_up: int
    results: tuple[Result, ...]
    profiles: tuple[BundleProfile, ...]


def json_text(report: Report) -> str:
    """Return the report as one JSON object; times in `_ms`, sizes in `_bytes`, no NaN."""
    results = [
        {
            **asdict(one.times),
            "size_bytes": one.size_bytes,
            "model_bytes": one.model_bytes,
            "loading": asdict(one.loading),
            "energy": None if one.energy is None else asdict(one.energy),
        }
        for one in report.results
    ]
    profiles = [{"bundle": one.bundle, **asdict(one.profile)} for one in report.profiles]
    answer = {
        "machine": asdict(report.machine),
        "conditions": asdict(report.conditions),
        "runs": report.runs,
        "warm_up": report.warm_up,
        "results": results,
        "operators": profiles,
    }
    return json.dumps(answer, indent=1, allow_nan=False)
