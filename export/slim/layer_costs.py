"""What each layer of a network costs in milliseconds: by its work, corrected by measurements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, median
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from export.channels.groups import ChannelGroup
from export.errors import SlimError
from training.comparison.cost import count_macs
from training.run_folder import Record

REST = "everything else"

_PIXEL_WORK = 16  # writing one value takes about as long as so many multiply-accumulates
_REST_SHARE = 0.05  # of all work: what no group changes, such as calling the model at all
_LAYER_DOUBT = 1.0  # a layer's time, as its work tells it, is wrong by up to about itself
_BUSY = 1.25  # a whole model that took so much longer than at best ran beside something else
_NOISE_FLOOR = 0.003  # of the model's time: no measurement here is better than that
# These vanish into the layer before them when a model is converted.
_FOLDED = frozenset({"BatchNormalization", "Dropout", "ReLU"})


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


def list_work(model: Any, groups: Sequence[ChannelGroup]) -> tuple[LayerWork, ...]:
    """Return the work of each layer of a Keras model, and of what no group changes."""
    layers = [work for layer in model.layers for work in _layer_works(layer, groups)]
    rest = _REST_SHARE * sum(layer.work for layer in layers)
    return (*layers, LayerWork(name=REST, groups=(), work=rest))


def costs_by_work(
    layers: Sequence[LayerWork],
    widths: Mapping[str, int],
    base_ms: float,
    machine: Mapping[str, object],
) -> Costs:
    """Return what each layer costs if its time is in proportion to its work; for a quick try.

    No difference was measured, so its noise is the whole time.
    """
    shares = _expected(layers, base_ms)
    return Costs(base_ms, base_ms, dict(widths), _layer_costs(layers, shares), dict(machine))


def rate_layers(
    layers: Sequence[LayerWork],
    widths: Mapping[str, int],
    readings: Sequence[Reading],
    machine: Mapping[str, object],
) -> Costs:
    """Return what each layer costs: what its work tells, corrected by what was measured.

    Layer times are taken as normally distributed about shares of the whole time in proportion to
    the work, each unsure by itself; the savings measured are sums of them with noise. The most
    probable times follow in closed form: a group whose saving drowns in noise keeps what its work
    tells, a clear one is believed. Raises SlimError where nothing was measured.
    """
    if not readings:
        raise SlimError("the network has no channel group that could be measured")
    readings = _calm(readings)
    base_ms = median(mean((each.before_ms, each.after_ms)) for each in readings)
    noise_ms = _noise_ms(readings, base_ms)
    expected = _expected(layers, base_ms)
    rows = [_saved_parts(layers, widths, reading) for reading in readings]
    savings = [_saved_ms(reading, base_ms) for reading in readings]
    # All layers together are the whole model, whose time is known best.
    sums = np.array([*rows, np.ones_like(expected)])
    doubts = np.array([noise_ms] * len(rows) + [base_ms * _NOISE_FLOOR])
    likely = _correct(expected, sums, np.array([*savings, base_ms]), doubts)
    likely = np.maximum(likely, 0.0)
    likely *= base_ms / likely.sum()
    return Costs(base_ms, noise_ms, dict(widths), _layer_costs(layers, likely), dict(machine))


def _calm(readings: Sequence[Reading]) -> list[Reading]:
    """Return the readings of the quiet machine; of a busy one a saving is another share of all.

    A group without one keeps what its work tells.
    """
    bases = [mean((each.before_ms, each.after_ms)) for each in readings]
    quiet_ms = _BUSY * min(bases)
    return [each for each, base in zip(readings, bases, strict=True) if base <= quiet_ms]


def _expected(layers: Sequence[LayerWork], base_ms: float) -> NDArray[np.float64]:
    """Return the time of each layer as its share of all work tells it."""
    work = np.array([layer.work for layer in layers])
    return np.asarray(base_ms * work / work.sum(), np.float64)


def _layer_costs(
    layers: Sequence[LayerWork], times_ms: NDArray[np.float64]
) -> tuple[LayerCost, ...]:
    return tuple(
        LayerCost(layer.groups, float(ms)) for layer, ms in zip(layers, times_ms, strict=True)
    )


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


def _saved_parts(
    layers: Sequence[LayerWork], widths: Mapping[str, int], reading: Reading
) -> NDArray[np.float64]:
    """Return the part of each layer's time that should be gone in this reading."""
    left = reading.kept / widths[reading.group]
    return np.array([1.0 - left ** layer.groups.count(reading.group) for layer in layers])


def _saved_ms(reading: Reading, base_ms: float) -> float:
    """Return what a reading saved; fewer channels never cost time, so less than zero is noise."""
    share = 1.0 - reading.slimmer_ms / mean((reading.before_ms, reading.after_ms))
    return max(0.0, share) * base_ms


def _noise_ms(readings: Sequence[Reading], base_ms: float) -> float:
    """Return the noise of a difference, from the base model that ran twice in each reading."""
    apart = median(abs(1.0 - reading.before_ms / reading.after_ms) for reading in readings)
    # The median of a normal distribution's absolute values lies at 0.6745 of its deviation.
    return base_ms * max(_NOISE_FLOOR, apart / 0.6745)


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
