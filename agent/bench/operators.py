"""Where the time of a model goes, operator by operator, and what the delegate leaves out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agent.bench.cuts import time_cuts
from agent.bench.figures import never_falling
from agent.bench.interpreter import Graph, Node, read_graph
from agent.bench.kernels import Kernel, match_kernels, profile_kernels
from agent.clock import Clock

PROFILER, CUTS = "profiler", "cuts"
OWN = "(the delegate's own)"

Profiler = Callable[[bytes, Graph, int], list[Kernel] | None]


@dataclass(frozen=True, slots=True)
class OperatorTime:
    """One operator: its time and its share of all operators.

    `index` is None for what the delegate does of its own accord; `kernel` is None for an operator
    that the delegate does as part of another, or where the kernels' names are not known.
    """

    index: int | None
    type: str
    kernel: str | None
    output_shape: tuple[int, ...]
    in_delegate: bool
    time_ms: float
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class TypeTime:
    """All operators of one type together."""

    type: str
    operators: int
    in_delegate: int
    time_ms: float
    share: float


@dataclass(frozen=True, slots=True)
class Profile:
    """Where the time goes.

    `noise_ms`: how far two halves of the runs differ, summed over all operators. An operator that
    takes less is not worth a thought.
    """

    method: str
    threads: int
    sum_ms: float
    noise_ms: float
    operators: int
    in_delegate: int
    partitions: int
    outside: tuple[OperatorTime, ...]
    types: tuple[TypeTime, ...]
    nodes: tuple[OperatorTime, ...]


def profile_model(
    model: bytes, threads: int, clock: Clock, profiler: Profiler = profile_kernels
) -> Profile:
    """Measure a model's operators one by one. Raises ModelError.

    By LiteRT's profiler, which times every kernel of the delegate. The Python interpreter has no
    way to it, and tflite_runtime has none at all; where it is missing the model is cut short after
    each operator in turn, and an operator's time is what it adds.
    """
    graph = read_graph(model)
    kernels = profiler(model, graph, threads)
    if kernels is not None:
        return profile_of_kernels(graph, kernels, threads)
    return profile_of_cuts(graph, time_cuts(model, graph, threads, clock), threads)


def profile_of_kernels(graph: Graph, kernels: Sequence[Kernel], threads: int) -> Profile:
    """Give each kernel's time to its operator."""
    node_of = match_kernels(graph.nodes, kernels)
    timed = {index: kernels[number] for number, index in node_of.items()}
    times = []
    for node in graph.nodes:
        kernel = timed.get(node.index)
        name = kernel.name if kernel is not None else None
        times.append(_operator(node, name, kernel.time_ms if kernel is not None else 0.0))
    for number, kernel in enumerate(kernels):
        if number not in node_of:
            times.append(
                OperatorTime(None, OWN, kernel.name, (), in_delegate=True, time_ms=kernel.time_ms)
            )
    noise_ms = sum(abs(one.half_ms(0) - one.half_ms(1)) for one in kernels)
    return _profile(PROFILER, graph, times, noise_ms, threads)


def profile_of_cuts(graph: Graph, times_ms: NDArray[np.float64], threads: int) -> Profile:
    """Turn the times of the parts, by pass and number of operators, into those of operators."""
    added = _added_ms(times_ms)
    times = [
        _operator(node, None, time_ms) for node, time_ms in zip(graph.nodes, added, strict=True)
    ]
    halves = (_added_ms(times_ms[0::2]), _added_ms(times_ms[1::2]))
    noise_ms = sum(abs(even - odd) for even, odd in zip(*halves, strict=True))
    return _profile(CUTS, graph, times, noise_ms, threads)


def _added_ms(times_ms: NDArray[np.float64]) -> list[float]:
    """Return what each operator adds: others only ever add time, so the quickest pass counts."""
    steps = never_falling(times_ms.min(axis=0).tolist())
    return [after - before for before, after in pairwise(steps)]


def _operator(node: Node, kernel: str | None, time_ms: float) -> OperatorTime:
    return OperatorTime(node.index, node.type, kernel, node.shape, node.in_delegate, time_ms)


def _profile(
    method: str, graph: Graph, times: Sequence[OperatorTime], noise_ms: float, threads: int
) -> Profile:
    total_ms = sum(one.time_ms for one in times)
    nodes = tuple(
        replace(
            one,
            time_ms=round(one.time_ms, 5),
            share=round(one.time_ms / total_ms, 6) if total_ms > 0 else 0.0,
        )
        for one in times
    )
    return Profile(
        method=method,
        threads=threads,
        sum_ms=round(total_ms, 4),
        noise_ms=round(noise_ms, 4),
        operators=len(graph.nodes),
        in_delegate=sum(node.in_delegate for node in graph.nodes),
        partitions=graph.partitions,
        outside=tuple(one for one in nodes if not one.in_delegate),
        types=_by_type(nodes),
        nodes=nodes,
    )


def _by_type(nodes: Sequence[OperatorTime]) -> tuple[TypeTime, ...]:
    groups: dict[str, list[OperatorTime]] = defaultdict(list)
    for node in nodes:
        groups[node.type].append(node)
    types = [
        TypeTime(
            type=name,
            operators=sum(node.index is not None for node in group),
            in_delegate=sum(node.in_delegate and node.index is not None for node in group),
            time_ms=round(sum(node.time_ms for node in group), 5),
            share=round(sum(node.share for node in group), 6),
        )
        for name, group in groups.items()
    ]
    return tuple(sorted(types, key=lambda one: -one.time_ms))
