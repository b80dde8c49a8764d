"""Invoke times of the float and the int8 model on this machine, measured in turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from export.runtime import FlatbufferModel
from training.environment import describe_environment

WARM_UPS = 5


@dataclass(frozen=True, slots=True)
class Latency:
    """Medians in milliseconds."""

    float_ms: float
    int8_ms: float
    threads: int
    runs: int
    machine: str


def measure_latency(
    float_model: bytes, int8_model: bytes, now_ns: Callable[[], int], runs: int = 50
) -> Latency:
    """Run both models in turn on one thread, so that both see the same state of the machine."""
    models = (FlatbufferModel(float_model), FlatbufferModel(int8_model))
    times_ns: tuple[list[int], list[int]] = ([], [])
    for turn in range(WARM_UPS + runs):
        for model, times in zip(models, times_ns, strict=True):
            start_ns = now_ns()
            model.invoke()
            if turn >= WARM_UPS:
                times.append(now_ns() - start_ns)
    float_ms, int8_ms = (round(median(times) / 1e6, 3) for times in times_ns)
    return Latency(float_ms, int8_ms, 1, runs, str(describe_environment()["cpu"]))
