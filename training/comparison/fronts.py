"""Reads the fronts of slim models that the export wrote, and shows them as a table and as CSV.

Each file is `front.json` of a run's slim folder, written by export/slim/front.py; the training
takes of it only what plot and table need.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from bundle.manifest import first_fault
from training.comparison.cells import Table, estimate_text
from training.comparison.paper import network_title
from training.comparison.records import Estimate
from training.errors import RunError

_HEAD = (
    *("name", "network", "size", "step", "macs", "model_bytes", "p50_ms"),
    *("accuracy", "low", "high", "escapes", "best"),
)


class _Part(BaseModel):
    # The export may add fields that plot and table do not know.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class FrontPoint(_Part):
    """One int8 model; accuracy and escapes are those on validation pictures."""

    name: str = Field(min_length=1)
    network: str = Field(min_length=1)
    step: str
    size: int = Field(ge=1)
    macs: int = Field(ge=0)
    model_bytes: int = Field(ge=1)
    p50_ms: float = Field(gt=0.0, allow_inf_nan=False)
    accuracy: float = Field(ge=0.0, le=1.0)
    accuracy_interval: tuple[float, float] | None = None
    escapes: int = Field(ge=0)

    @property
    def estimate(self) -> Estimate:
        """Return the accuracy with its interval."""
        if self.accuracy_interval is None:
            return Estimate(self.accuracy)
        return Estimate(self.accuracy, *self.accuracy_interval, basis="pictures")


class SlimFront(_Part):
    """The models of one run, timed on one machine; `best` names those that no other one beats."""

    schema_version: int = Field(default=1, ge=1, le=1)
    machine: dict[str, JsonValue]
    threads: int = Field(ge=1)
    points: tuple[FrontPoint, ...] = Field(min_length=1)
    best: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees(self) -> SlimFront:
        if not set(self.best) <= {point.name for point in self.points}:
            raise ValueError("best names a point that is not there")
        return self

    @property
    def timed_on(self) -> str:
        """Return what the times hold for, in a few words."""
        many = "" if self.threads == 1 else "s"
        cpu = self.machine.get("cpu", "an unknown machine")
        return f"{cpu}, {self.threads} thread{many}"


def read_fronts(paths: Sequence[Path]) -> tuple[SlimFront, ...]:
    """Return the fronts of these files.

    Raises RunError for what is no front, and for times that cannot stand in one plot since they
    come from different machines.
    """
    fronts = tuple(_read_front(path) for path in paths)
    for path, front in zip(paths, fronts, strict=True):
        if front.timed_on != fronts[0].timed_on:
            raise RunError(
                f"{path} was timed on {front.timed_on}, {paths[0]} on {fronts[0].timed_on}: "
                "times of different machines do not compare; plot them apart"
            )
    return fronts


def front_table(fronts: Sequence[SlimFront]) -> Table:
    """Return all models of the fronts, fastest first; those that no other one beats are strong."""
    rows = list(_ordered(fronts))
    timed_on = "; ".join(dict.fromkeys(front.timed_on for front in fronts))
    return Table(
        name="pareto",
        title="Slim models: accuracy against time",
        note=(
            f"Int8 models, one picture at a time; the median time on {timed_on} is not the "
            "device's. Accuracy and escapes are those on the validation pictures, which also chose "
            "epoch and thresholds: they flatter. Marked: no faster model of its front is as good."
        ),
        columns=(
            *("model", "network", "input", "made by", "MMAC", "file"),
            *("one picture", "accuracy", "escapes"),
        ),
        rows=tuple(_cells(point) for point, _ in rows),
        strong=tuple(place for place, (_, best) in enumerate(rows) if best),
    )


def fronts_csv(fronts: Sequence[SlimFront]) -> str:
    """Return all models as CSV, with the numbers as they were measured."""
    stream = io.StringIO()
    lines = csv.writer(stream, lineterminator="\n")
    lines.writerow(_HEAD)
    for point, best in _ordered(fronts):
        bounds = point.accuracy_interval or ("", "")
        facts = [getattr(point, name) for name in _HEAD[:8]]
        lines.writerow([*facts, *bounds, point.escapes, int(best)])
    return stream.getvalue()


def _read_front(path: Path) -> SlimFront:
    try:
        return SlimFront.model_validate_json(path.read_bytes())
    except OSError as error:
        raise RunError(f"cannot read the front {path}: {error.strerror}") from error
    except ValidationError as error:
        raise RunError(f"{path} is no front: {first_fault(error, 'front')}") from error


def _ordered(fronts: Sequence[SlimFront]) -> Iterator[tuple[FrontPoint, bool]]:
    """Yield each model and whether it is among the best of its front, fastest first."""
    every = ((point, point.name in front.best) for front in fronts for point in front.points)
    yield from sorted(every, key=lambda one: (one[0].p50_ms, -one[0].accuracy, one[0].name))


def _cells(point: FrontPoint) -> tuple[str, ...]:
    return (
        point.name,
        network_title(point.network),
        f"{point.size}x{point.size}",
        point.step,
        f"{point.macs / 1e6:,.1f}",
        f"{point.model_bytes / 1e6:.2f} MB",
        f"{point.p50_ms:.2f} ms",
        estimate_text(point.estimate),
        f"{point.escapes:,}",
    )
