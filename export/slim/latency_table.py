"""What each channel group of a network costs in milliseconds, by measuring int8 models in turn."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from bundle.manifest import InputSpec, first_fault
from export.errors import SlimError
from export.quantize import to_int8
from export.runtime import FlatbufferModel
from export.slim.groups import ChannelGroup, find_groups
from export.slim.surgery import keep_channels
from training.comparison.cost import count_macs
from training.environment import describe_environment
from training.errors import RunError
from training.run_folder import Record, RunFolder

Measure = Callable[[Sequence[bytes]], Sequence[float]]
Tell = Callable[[str, int, int], None]

WARM_UPS = 5
REST = "everything else"

_PIXEL_WORK = 16  # writing one value takes about as long as so many multiply-accumulates
_REST_SHARE = 0.05  # of all work: what no group changes, such as calling the model at all
_LAYER_DOUBT = 1.0  # a layer's time, as its work tells it, is wrong by up to about itself
_NOISE_FLOOR = 0.003  # of the model's time: no measurement here is better than that
_BLOCK = 8  # channels that int8 kernels work on at once, so half a group is rounded to them
# These vanish into the layer before them when a model is converted.
_FOLDED = frozenset({"BatchNormalization", "Dropout", "ReLU"})
_FACTS = TypeAdapter(dict[str, JsonValue])


class LayerWork(Record):
    """One layer's work at full width; it shrinks with the width of each group in `groups`."""

    name: str
    groups: tuple[str, ...]
    work: float = Field(ge=0.0, allow_inf_nan=False)


class Reading(Record):
    """A model with one group at `kept` channels, run between two runs of the whole model."""

    group: str
    kept: int = Field(ge=1)
    before_ms: float = Field(gt=0.0, allow_inf_nan=False)
    slimmer_ms: float = Field(gt=0.0, allow_inf_nan=False)
    after_ms: float = Field(gt=0.0, allow_inf_nan=False)


class LatencyTable(Record):
    """What was measured so far; with it a killed measurement goes on."""

    schema_version: int = Field(default=1, ge=1, le=1)
    machine: dict[str, JsonValue]
    shape: tuple[int, int, int]
    shares: tuple[float, ...]
    widths: dict[str, int]
    layers: tuple[LayerWork, ...]
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class LayerCost:
    """A layer's milliseconds at full width, and the groups whose widths they shrink with."""

    groups: tuple[str, ...]
    ms: float


@dataclass(frozen=True, slots=True)
class Costs:
    """Where the time of a network goes; `noise_ms` is what a measured difference is good for."""

    base_ms: float
    noise_ms: float
    widths: Mapping[str, int]
    layers: tuple[LayerCost, ...]
    machine: Mapping[str, object]

    def saved_per_channel(self) -> dict[str, float]:
        """Return the milliseconds that the first channel to go saves, by group."""
        saved = dict.fromkeys(self.widths, 0.0)
        for layer in self.layers:
            for group in layer.groups:
                saved[group] += layer.ms / self.widths[group]
        return saved


def predicted_ms(costs: Costs, widths: Mapping[str, int]) -> float:
    """Return the time of the network at these widths; a group that is missing is whole.

    A convolution with half of its inputs and half of its outputs takes a quarter of its time.
    Raises SlimError for a group that was not measured.
    """
    unknown = sorted(set(widths) - set(costs.widths))
    if unknown:
        raise SlimError(f"the latency table has no group {unknown[0]}: measure this network anew")
    parts = {group: widths.get(group, full) / full for group, full in costs.widths.items()}
    return sum(
        layer.ms * math.prod(parts[group] for group in layer.groups) for layer in costs.layers
    )


def rebase(costs: Costs, widths: Mapping[str, int], measured_ms: float) -> Costs:
    """Return the costs scaled so that the prediction at `widths` is what was measured there."""
    factor = measured_ms / predicted_ms(costs, widths)
    layers = tuple(replace(layer, ms=layer.ms * factor) for layer in costs.layers)
    return replace(
        costs, base_ms=costs.base_ms * factor, noise_ms=costs.noise_ms * factor, layers=layers
    )


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
    return rate_layers(table)


def read_costs(path: Path) -> Costs:
    """Return the costs that an earlier measurement left. Raises SlimError."""
    return rate_layers(_read_table(path))


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


def rate_layers(table: LatencyTable) -> Costs:
    """Return what each layer costs: what its work tells, corrected by what was measured.

    Layer times are taken as normally distributed about shares of the whole time in proportion to
    the work, each unsure by itself; the savings measured are sums of them with noise. The most
    probable times follow in closed form: a group whose saving drowns in noise keeps what its work
    tells, a clear one is believed. Raises SlimError where groups are missing.
    """
    missing = [group for group, _ in _missing(table)]
    if missing or not table.readings:
        raise SlimError(
            f"the latency table lacks {len(missing)} readings ({', '.join(missing[:3])}): "
            "start the measurement again, it goes on where it stopped"
            if missing
            else "the network has no channel group that could be measured"
        )
    base_ms = median(mean((each.before_ms, each.after_ms)) for each in table.readings)
    noise_ms = _noise_ms(table.readings, base_ms)
    work = np.array([layer.work for layer in table.layers])
    expected = base_ms * work / work.sum()
    rows = [_saved_parts(table, reading) for reading in table.readings]
    savings = [_saved_ms(reading, base_ms) for reading in table.readings]
    # All layers together are the whole model, whose time is known best.
    sums = np.array([*rows, np.ones_like(work)])
    doubts = np.array([noise_ms] * len(rows) + [base_ms * _NOISE_FLOOR])
    likely = _correct(expected, sums, np.array([*savings, base_ms]), doubts)
    likely = np.maximum(likely, 0.0)
    likely *= base_ms / likely.sum()
    layers = tuple(
        LayerCost(layer.groups, float(ms)) for layer, ms in zip(table.layers, likely, strict=True)
    )
    return Costs(base_ms, noise_ms, dict(table.widths), layers, dict(table.machine))


def _correct(
    expected: NDArray[np.float64],
    sums: NDArray[np.float64],
    seen: NDArray[np.float64],
    doubts: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the mean of the layer times given their sums (Gaussian conditioning)."""
    spread = (_LAYER_DOUBT * expected) ** 2 * sums
    gain = np.linalg.solve(spread @ sums.T + np.diag(doubts**2), seen - sums @ expected)
    return np.asarray(expected + spread.T @ gain, np.float64)


def _saved_parts(table: LatencyTable, reading: Reading) -> NDArray[np.float64]:
    """Return the part of each layer's time that should be gone in this reading."""
    left = reading.kept / table.widths[reading.group]
    return np.array([1.0 - left ** layer.groups.count(reading.group) for layer in table.layers])


def _saved_ms(reading: Reading, base_ms: float) -> float:
    """Return what a reading saved; fewer channels never cost time, so less than zero is noise."""
    share = 1.0 - reading.slimmer_ms / mean((reading.before_ms, reading.after_ms))
    return max(0.0, share) * base_ms


def _noise_ms(readings: Sequence[Reading], base_ms: float) -> float:
    """Return the noise of a difference, from the base model that ran twice in each reading."""
    apart = median(abs(1.0 - reading.before_ms / reading.after_ms) for reading in readings)
    # The median of a normal distribution's absolute values lies at 0.6745 of its deviation.
    return base_ms * max(_NOISE_FLOOR, apart / 0.6745)


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
    layers = [work for layer in model.layers for work in _layer_works(layer, groups)]
    rest = _REST_SHARE * sum(layer.work for layer in layers)
    return LatencyTable(
        machine=_FACTS.validate_python(describe_environment()),
        shape=(spec.height, spec.width, spec.channels),
        shares=shares,
        widths={group.name: group.width for group in groups},
        layers=(*layers, LayerWork(name=REST, groups=(), work=rest)),
    )


def _layer_works(layer: Any, groups: Sequence[ChannelGroup]) -> Iterator[LayerWork]:
    """Yield a layer's work; where it reads several groups side by side, each group's share."""
    macs = count_macs(SimpleNamespace(layers=(layer,))).macs
    carried = [group.name for group in groups if layer.name in group.followers]
    if macs == 0 and (not carried or type(layer).__name__ in _FOLDED):
        return
    work = macs + _PIXEL_WORK * math.prod(int(size) for size in layer.output.shape[1:])
    made = [group.name for group in groups if layer.name in group.producers]
    sources = [group for group in groups if layer.name in group.consumers]
    if not sources:
        yield LayerWork(name=layer.name, groups=(*made, *carried), work=work)
    whole = sum(group.width for group in sources)
    for source in sources:
        named = (*made, *carried, source.name)
        yield LayerWork(name=layer.name, groups=named, work=work * source.width / whole)


def timing_model(model: Any, spec: InputSpec, log: Path) -> bytes:
    """Return the int8 model for a made-up picture: its time does not depend on its ranges."""
    shape = (spec.height, spec.width, spec.channels)
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    picture.flat[:2] = (0, 255)
    return to_int8(model, [picture], spec, log)


def _open_table(path: Path, empty: LatencyTable) -> LatencyTable:
    """Return the table that is there, if it is of the same network and machine."""
    if not path.exists():
        return empty
    table = _read_table(path)
    for what, same in (
        ("machine", _processor(table) == _processor(empty)),
        ("network", _network(table) == _network(empty)),
    ):
        if not same:
            raise SlimError(
                f"{path} was measured with another {what}: remove it, or use its {what}"
            )
    return table


def _network(table: LatencyTable) -> tuple[object, ...]:
    return (table.shape, table.shares, table.widths, table.layers)


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
