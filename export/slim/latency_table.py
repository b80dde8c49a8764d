"""What was measured of a network: int8 models timed in turn, in a file that a killed run reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from pydantic import Field, JsonValue, TypeAdapter, ValidationError, model_validator

from bundle.manifest import InputSpec, first_fault
from export.channels.groups import find_groups
from export.errors import SlimError
from export.quantize import convert_int8
from export.runtime import FlatbufferModel
from export.slim.layer_costs import (
    Costs,
    LayerWork,
    Reading,
    costs_by_work,
    list_work,
    rate_layers,
)
from export.slim.surgery import keep_channels
from training.comparison.cost import count_macs
from training.environment import describe_environment
from training.errors import RunError
from training.run_folder import Record, RunFolder

Measure = Callable[[Sequence[bytes]], Sequence[float]]
Tell = Callable[[str, int, int], None]

WARM_UPS = 5

_BLOCK = 8  # channels that int8 kernels work on at once, so half a group is rounded to them
_FACTS = TypeAdapter(dict[str, JsonValue])


class LatencyTable(Record):
    """What was measured so far; with it a killed measurement goes on.

    `whole_ms` is the time of the whole network where it was estimated, and no group measured.
    """

    schema_version: int = Field(default=1, ge=1, le=1)
    machine: dict[str, JsonValue]
    shape: tuple[int, int, int]
    shares: tuple[float, ...]
    widths: dict[str, int]
    layers: tuple[LayerWork, ...]
    readings: tuple[Reading, ...] = ()
    whole_ms: float | None = Field(default=None, gt=0.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _agrees(self) -> LatencyTable:
        named = {group for layer in self.layers for group in layer.groups}
        if not named <= set(self.widths):
            raise ValueError("a layer names a group that has no width")
        if any(one.kept >= self.widths.get(one.group, 0) for one in self.readings):
            raise ValueError("a reading is not of a group made narrower")
        return self


def measure_costs(
    model: Any,
    spec: InputSpec,
    measure: Measure,
    path: Path,
    shares: tuple[float, ...] = (0.5,),
    tell: Tell | None = None,
) -> Costs:
    """Measure the network with each group at `shares` of its width, and rate all groups.

    `measure` returns the median milliseconds of flatbuffers run in turn. Each reading goes to
    `path` (JSON) at once, so that a killed measurement goes on; `tell` hears group, done and all.
    Raises SlimError where `path` is a table of another network or machine, and ConvertError.
    """
    table = _open_table(path, _empty_table(model, spec, shares))
    missing = _missing(table)
    base = timing_model(model, spec, path.with_suffix(".log")) if missing else b""
    for number, (group, kept) in enumerate(missing):
        if tell is not None:
            tell(group, len(table.readings), len(table.readings) + len(missing) - number)
        slimmer = timing_model(
            keep_channels(model, {group: np.arange(kept)}), spec, path.with_suffix(".log")
        )
        before_ms, slimmer_ms, after_ms = measure((base, slimmer, base))
        reading = Reading(
            group=group,
            kept=kept,
            before_ms=before_ms,
            slimmer_ms=slimmer_ms,
            after_ms=after_ms,
        )
        table = table.model_copy(update={"readings": (*table.readings, reading)})
        _write_table(path, table)
    return _rate(table)


def estimate_costs(model: Any, spec: InputSpec, measure: Measure, path: Path) -> Costs:
    """Measure two convolutions, and let all costs follow from the work of the layers.

    Two layers are converted instead of a network for each group: a coarse guess. The time of
    the whole goes to `path`, and is read from there the next time. Raises as `measure_costs` does.
    """
    table = _open_table(path, _empty_table(model, spec, ()))
    if table.whole_ms is None:
        layer, layer_spec = _two_convolutions(spec)
        (layer_ms,) = measure((timing_model(layer, layer_spec, path.with_suffix(".log")),))
        share = count_macs(model).macs / count_macs(layer).macs
        table = table.model_copy(update={"whole_ms": layer_ms * share})
        _write_table(path, table)
    return _rate(table)


def read_costs(path: Path) -> Costs:
    """Return the costs that an earlier measurement left. Raises SlimError."""
    return _rate(_read_table(path))


def measure_in_turn(
    models: Sequence[bytes], now_ns: Callable[[], int], runs: int = 50, threads: int = 1
) -> tuple[float, ...]:
    """Return the median milliseconds of each flatbuffer; they run in turn, to and fro."""
    loaded = [FlatbufferModel(model, threads) for model in models]
    times_ns: list[list[int]] = [[] for _ in models]
    order = range(len(loaded))
    for turn in range(WARM_UPS + runs):
        for place in order if turn % 2 == 0 else reversed(order):
            start_ns = now_ns()
            loaded[place].invoke()
            if turn >= WARM_UPS:
                times_ns[place].append(now_ns() - start_ns)
    return tuple(median(times) / 1e6 for times in times_ns)


def _rate(table: LatencyTable) -> Costs:
    """Return the costs that a table tells. Raises SlimError where groups are missing."""
    if table.whole_ms is not None:
        return costs_by_work(table.layers, table.widths, table.whole_ms, table.machine)
    missing = [group for group, _ in _missing(table)]
    if missing:
        raise SlimError(
            f"the latency table lacks {len(missing)} readings ({', '.join(missing[:3])}): "
            "start the measurement again, it goes on where it stopped"
        )
    return rate_layers(table.layers, table.widths, table.readings, table.machine)


def _missing(table: LatencyTable) -> list[tuple[str, int]]:
    """Return the groups and widths that are still to be measured."""
    read = {(reading.group, reading.kept) for reading in table.readings}
    wanted = [(name, kept) for name in table.widths for kept in _kept_counts(table, name)]
    return [each for each in wanted if each not in read]


def _kept_counts(table: LatencyTable, group: str) -> list[int]:
    """Return a group's widths to measure, in whole blocks of the int8 kernels if it has any."""
    width, kept = table.widths[group], set()
    for share in table.shares:
        step = _BLOCK if width * share >= _BLOCK else 1
        kept.add(max(1, int(width * share) // step * step))
    return sorted(kept - {width})


def _empty_table(model: Any, spec: InputSpec, shares: tuple[float, ...]) -> LatencyTable:
    groups = find_groups(model)
    return LatencyTable(
        machine=_FACTS.validate_python(describe_environment()),
        shape=(spec.height, spec.width, spec.channels),
        shares=shares,
        widths={group.name: group.width for group in groups},
        layers=list_work(model, groups),
    )


def _two_convolutions(spec: InputSpec) -> tuple[Any, InputSpec]:
    """Return two convolutions whose work is that of a middling layer, and their input."""
    import keras

    sized = spec.model_copy(update={"height": 96, "width": 96})
    pictures = keras.Input((96, 96, spec.channels))
    convolved = keras.layers.Conv2D(64, 5, strides=2)(pictures)
    return keras.Model(pictures, keras.layers.Conv2D(32, 3)(convolved)), sized


def timing_model(model: Any, spec: InputSpec, log: Path) -> bytes:
    """Return the int8 model for a made-up picture: its time does not depend on its ranges."""
    shape = (spec.height, spec.width, spec.channels)
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    picture.flat[:2] = (0, 255)
    return convert_int8(model, [picture], spec, log)


def _open_table(path: Path, empty: LatencyTable) -> LatencyTable:
    """Return the table that is there, if it is of the same network and machine."""
    if not path.exists():
        return empty
    table = _read_table(path)
    for what, same in (
        ("machine", _processor(table) == _processor(empty)),
        ("network", _network(table) == _network(empty)),
        ("set of shares", table.shares == empty.shares),
    ):
        if not same:
            raise SlimError(
                f"{path} was measured with another {what}: remove it, or use its {what}"
            )
    return table


def _network(table: LatencyTable) -> tuple[object, ...]:
    return (table.shape, table.widths, table.layers)


def _processor(table: LatencyTable) -> list[object]:
    return [table.machine.get(name) for name in ("system", "cpu", "threads")]


def _read_table(path: Path) -> LatencyTable:
    try:
        return LatencyTable.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SlimError(f"cannot read the latency table {path}: {error.strerror}") from error
    except ValidationError as error:
        raise SlimError(f"{path} is wrong: {first_fault(error, 'latency table')}") from error


def _write_table(path: Path, table: LatencyTable) -> None:
    try:
        RunFolder(path.parent).write_json(path.name, table.model_dump(mode="json"))
    except RunError as error:
        raise SlimError(str(error)) from error
