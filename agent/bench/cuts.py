"""Time a model cut short after each of its operators: what each operator adds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from agent.bench.flatbuffer import cut_after
from agent.bench.interpreter import Graph, open_part
from agent.clock import Clock

PASSES, RUNS, WARM_UPS = 5, 10, 2
QUIET_PERCENT = 10  # others only ever add time: the quick runs are the undisturbed ones

OpenPart = Callable[[bytes, int], Callable[[], None]]


def time_cuts(
    model: bytes, graph: Graph, threads: int, clock: Clock, opener: OpenPart = open_part
) -> NDArray[np.float64]:
    """Return the milliseconds of each part, by pass and number of operators. Raises ModelError.

    One part is open at a time: all of them together would not fit into a small board.
    """
    parts = [cut_after(model, count, live_tensors(graph, count)) for count in _counts(graph)]
    times = np.empty((PASSES, len(parts)))
    for turn in range(PASSES):
        # Forward and backward in turn: a slow drift would else look like growing operators.
        order = range(len(parts)) if turn % 2 == 0 else range(len(parts) - 1, -1, -1)
        for index in order:
            times[turn, index] = _quiet_ms(opener(parts[index], threads), clock)
    return times


def live_tensors(graph: Graph, operators: int) -> list[int]:
    """Return what the first operators must give so that none of them is left out as useless."""
    if operators == 0:
        return [tensor.index for tensor in graph.inputs]
    made = [tensor for node in graph.nodes[:operators] for tensor in node.outputs]
    wanted = {tensor.index for tensor in graph.outputs} | set(graph.nodes[operators - 1].outputs)
    for node in graph.nodes[operators:]:
        wanted.update(node.inputs)
    return [tensor for tensor in made if tensor in wanted]


def _counts(graph: Graph) -> range:
    return range(len(graph.nodes) + 1)


def _quiet_ms(invoke: Callable[[], None], clock: Clock) -> float:
    times = []
    for turn in range(WARM_UPS + RUNS):
        start_ns = clock.now_ns()
        invoke()
        if turn >= WARM_UPS:
            times.append(clock.now_ns() - start_ns)
    return float(np.percentile(times, QUIET_PERCENT)) / 1e6
