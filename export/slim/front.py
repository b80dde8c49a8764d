"""The models that were made, the best of them for their time, and the one that fits a wish."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator

from bundle.manifest import first_fault
from export.errors import BudgetError, SlimError
from training.errors import RunError
from training.run_folder import Record, RunFolder


class Point(Record):
    """One int8 model with what it costs and what it is worth on validation pictures.

    `step` says how it was made ("pruned 2, distilled"), `model` where it lies beside the front.
    """

    name: str = Field(min_length=1)
    network: str = Field(min_length=1)
    step: str
    size: int = Field(ge=1)
    widths: dict[str, int]
    model: str
    macs: int = Field(ge=0)
    model_bytes: int = Field(ge=1)
    p50_ms: float = Field(gt=0.0, allow_inf_nan=False)
    accuracy: float = Field(ge=0.0, le=1.0)
    accuracy_interval: tuple[float, float] | None = None
    escapes: int = Field(ge=0)

    @field_validator("model")
    @classmethod
    def _stays_beside(cls, model: str) -> str:
        path = PurePosixPath(model)
        if path.is_absolute() or ".." in path.parts or not path.name:
            raise ValueError("must be a path inside the front's folder")
        return model

    @field_validator("accuracy_interval")
    @classmethod
    def _in_order(cls, interval: tuple[float, float] | None) -> tuple[float, float] | None:
        if interval is not None and not 0.0 <= interval[0] <= interval[1] <= 1.0:
            raise ValueError("must be two shares, the lower first")
        return interval


class Front(Record):
    """All points measured on one machine; `best` names those that nothing beats."""

    schema_version: int = Field(default=1, ge=1, le=1)
    machine: dict[str, JsonValue]
    threads: int = Field(default=1, ge=1)
    points: tuple[Point, ...]
    best: tuple[str, ...]

    @model_validator(mode="after")
    def _agrees(self) -> Front:
        names = [point.name for point in self.points]
        if len(set(names)) < len(names):
            raise ValueError("two points have the same name")
        if self.best != tuple(point.name for point in pareto(self.points)):
            raise ValueError("best does not name the points that nothing beats")
        return self


def make_front(points: Sequence[Point], machine: dict[str, JsonValue], threads: int = 1) -> Front:
    """Return the front of these points, fastest first. Raises SlimError for a name used twice."""
    ordered = tuple(sorted(points, key=_fastest))
    best = tuple(point.name for point in pareto(ordered))
    try:
        return Front(machine=machine, threads=threads, points=ordered, best=best)
    except ValidationError as error:
        raise SlimError(f"the front is wrong: {first_fault(error, 'front')}") from error


def pareto(points: Iterable[Point]) -> tuple[Point, ...]:
    """Return the points that are more accurate than every faster one, fastest first.

    Of those that are equal in both, the one with fewer escapes stays, then the smaller file.
    """
    best: list[Point] = []
    for point in sorted(points, key=_fastest):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return tuple(best)


def pick(
    points: Sequence[Point],
    *,
    max_latency_ms: float | None = None,
    min_accuracy: float | None = None,
    rung: str | None = None,
) -> Point:
    """Return the most accurate point within `max_latency_ms`, or else the fastest good enough.

    Without a wish it is the most accurate one; `rung` names one. Raises BudgetError that names the
    nearest points where none fits.
    """
    if not points:
        raise BudgetError("there is no model to pick from: the front is empty")
    if rung is not None:
        points = _named(points, rung)
    quick = [p for p in points if max_latency_ms is None or p.p50_ms <= max_latency_ms]
    good = [p for p in points if min_accuracy is None or p.accuracy >= min_accuracy]
    both = [point for point in quick if point in good]
    if not both:
        raise BudgetError(_nearest(points, quick, good, max_latency_ms, min_accuracy))
    only_accuracy = max_latency_ms is None and min_accuracy is not None
    return min(both, key=_fastest if only_accuracy else _most_accurate)


def _named(points: Sequence[Point], rung: str) -> tuple[Point, ...]:
    found = tuple(point for point in points if point.name == rung)
    if not found:
        names = ", ".join(point.name for point in points)
        raise BudgetError(f"there is no rung {rung}; there are {names}")
    return found


def read_front(path: Path) -> Front:
    """Return the front that was written to `path`. Raises SlimError."""
    try:
        return Front.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SlimError(f"cannot read the front {path}: {error.strerror}") from error
    except ValidationError as error:
        raise SlimError(f"{path} is wrong: {first_fault(error, 'front')}") from error


def write_front(path: Path, front: Front) -> None:
    """Write the front as JSON; the file is replaced whole. Raises SlimError."""
    try:
        RunFolder(path.parent).write_json(path.name, front.model_dump(mode="json"))
    except RunError as error:
        raise SlimError(str(error)) from error


def _fastest(point: Point) -> tuple[float, float, int, int, str]:
    return (point.p50_ms, -point.accuracy, point.escapes, point.model_bytes, point.name)


def _most_accurate(point: Point) -> tuple[float, int, float, int, str]:
    return (-point.accuracy, point.escapes, point.p50_ms, point.model_bytes, point.name)


def _nearest(
    points: Sequence[Point],
    quick: Sequence[Point],
    good: Sequence[Point],
    max_latency_ms: float | None,
    min_accuracy: float | None,
) -> str:
    """Say what was asked for in vain and which points come nearest to it."""
    wishes = []
    if max_latency_ms is not None:
        wishes.append(f"done in {max_latency_ms:g} ms")
    if min_accuracy is not None:
        wishes.append(f"right in at least {min_accuracy:.3%}")
    nearest = (
        min(good, key=_fastest) if good else min(points, key=_most_accurate),
        min(quick, key=_most_accurate) if quick else min(points, key=_fastest),
    )
    # One wish alone gives the same point twice.
    texts = dict.fromkeys(
        f"{point.name} takes {point.p50_ms:.3f} ms for {point.accuracy:.3%}" for point in nearest
    )
    return f"no model is {' and '.join(wishes)}; the nearest: {'; '.join(texts)}"
