"""What a model costs: parameters, multiplications counted from its layers, time on this machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from training.comparison.records import Cost
from training.errors import ModelError
from training.scoring import load_keras_model

NowNs = Callable[[], int]

WARM_UPS = 5
LATENCY_RUNS = 30

# Layers that have weights and whose multiplications are few, or vanish into the layer before
# when a model is exported.
_FREE = frozenset({"BatchNormalization", "LayerNormalization", "Normalization", "Rescaling"})


@dataclass(frozen=True, slots=True)
class Work:
    """Multiply-accumulates of one picture, and the layers with weights that were not counted."""

    macs: int
    uncounted: tuple[str, ...]


def measure_costs(
    models: Mapping[str, Path], now_ns: NowNs | None, runs: int = LATENCY_RUNS
) -> dict[str, Cost]:
    """Return the cost of saved Keras models; without `now_ns` nothing is timed.

    Raises ModelError for one that cannot be loaded or counted.
    """
    loaded = {name: load_keras_model(path) for name, path in models.items()}
    times = {} if now_ns is None else _time_models(loaded, now_ns, runs)
    costs = {}
    for name, model in loaded.items():
        work = count_macs(model)
        costs[name] = Cost(
            parameters=int(model.count_params()),
            macs=work.macs,
            uncounted=work.uncounted,
            latency_ms=round(median(times[name]) / 1e6, 3) if name in times else None,
            latency_runs=runs if name in times else 0,
        )
    return costs


def count_macs(model: Any) -> Work:
    """Count the multiply-accumulates of convolutions and dense layers for one picture.

    Additions, activations, pooling and norms are not counted, as papers do. Raises ModelError where
    a layer has no fixed size.
    """
    macs, uncounted = 0, []
    for layer in _plain_layers(model):
        kind = type(layer).__name__
        count = _COUNTERS.get(kind)
        if count is not None:
            macs += _counted(count, layer)
        elif layer.weights and kind not in _FREE:
            uncounted.append(f"{layer.name} ({kind})")
    return Work(macs, tuple(uncounted))


def _plain_layers(model: Any) -> Iterator[Any]:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _plain_layers(layer)
        else:
            yield layer


def _counted(count: Callable[[Any], int], layer: Any) -> int:
    try:
        return count(layer)
    # Keras raises AttributeError for a layer that is used twice: it has no one output then.
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelError(f"cannot count the work of layer {layer.name}: {error}") from error


def _convolution(layer: Any) -> int:
    # The kernel is (height, width, channels in / groups, filters): each output needs one filter.
    return _places(layer) * _product(layer.kernel.shape)


def _depthwise(layer: Any) -> int:
    # The kernel is (height, width, channels, multiplier): one plane of it for each output channel.
    return _places(layer) * _product(layer.kernel.shape)


def _dense(layer: Any) -> int:
    return _product(layer.output.shape[1:-1]) * _product(layer.kernel.shape)


def _einsum(layer: Any) -> int:
    """Count an EinsumDense: one multiplication for each value of all letters of its equation."""
    operands, _, _ = layer.equation.partition("->")
    picture, weights = operands.split(",")
    given = layer.input.shape
    if "..." in picture:  # the batch and whatever else stands before the letters
        letters = picture.replace("...", "")
        free = _product(given[1 : len(given) - len(letters)])
    else:
        letters, free = picture[1:], 1
    sizes = dict(zip(letters, given[len(given) - len(letters) :], strict=True))
    sizes.update(zip(weights.replace("...", ""), layer.kernel.shape, strict=True))
    return free * _product(sizes.values())


def _places(layer: Any) -> int:
    """Return the number of places of a picture that a convolution puts out."""
    shape = layer.output.shape
    axes = shape[2:] if layer.data_format == "channels_first" else shape[1:-1]
    return _product(axes)


def _product(sizes: Iterable[int]) -> int:
    """Return the product; a size that is None raises TypeError."""
    return math.prod(int(size) for size in sizes)


_COUNTERS: dict[str, Callable[[Any], int]] = {
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "DepthwiseConv2D": _depthwise,
    "Dense": _dense,
    "EinsumDense": _einsum,
}


def _time_models(models: Mapping[str, Any], now_ns: NowNs, runs: int) -> dict[str, list[int]]:
    """Time one picture at a time, model by model in turn, so that all see the same machine."""
    pictures = {
        name: np.zeros((1, *model.input_shape[1:]), np.uint8) for name, model in models.items()
    }
    times: dict[str, list[int]] = {name: [] for name in models}
    order: Sequence[str] = list(models)
    for turn in range(WARM_UPS + runs):
        for name in order if turn % 2 == 0 else reversed(order):
            start_ns = now_ns()
            models[name].predict_on_batch(pictures[name])
            if turn >= WARM_UPS:
                times[name].append(now_ns() - start_ns)
    return times
