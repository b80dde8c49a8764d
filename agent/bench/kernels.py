"""Which kernel of the delegate did which node's work, from the profiler's list of events."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from agent.bench.child import child_environment
from agent.bench.interpreter import Graph, Node
from agent.bench.profiler import find_runtime

RUNS = 50
DEADLINE_S = 120

_TYPES = {"float32": 1, "int32": 2, "uint8": 3, "int8": 9}  # LiteRtElementType

# A word of XNNPACK's name for a kernel -> operators which it may run; the first that fits holds.
_WORDS = (
    ("dwconv", ("DEPTHWISE_CONV_2D",)),
    ("deconvolution", ("TRANSPOSE_CONV",)),
    ("convolution", ("CONV_2D", "FULLY_CONNECTED")),
    ("fully connected", ("CONV_2D", "FULLY_CONNECTED")),
    ("add", ("ADD",)),
    ("multiply", ("MUL",)),
    ("subtract", ("SUB",)),
    ("mean", ("MEAN",)),
    ("average pooling", ("AVERAGE_POOL_2D",)),
    ("max pooling", ("MAX_POOL_2D",)),
    ("softmax", ("SOFTMAX",)),
    ("sigmoid", ("LOGISTIC",)),
    ("hardswish", ("HARD_SWISH",)),
    ("pad", ("PAD",)),
)


@dataclass(frozen=True, slots=True)
class Kernel:
    """One event of the profiler in every run: its name, its node when not in the delegate."""

    name: str
    node: int | None
    times_us: tuple[int, ...]

    @property
    def time_ms(self) -> float:
        """Return the mean of the central half of the runs."""
        return _central_ms(self.times_us)

    def half_ms(self, first: int) -> float:
        """Return the same of every other run alone, from the run `first` on."""
        return _central_ms(self.times_us[first::2])


def profile_kernels(model: bytes, graph: Graph, threads: int) -> list[Kernel] | None:
    """Run a model under LiteRT's profiler; None where there is none or it does not work.

    In a child process: the C interface may differ from release to release, and a crash there
    must not end the measurement.
    """
    library = find_runtime()
    if library is None or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return None
    order = {
        "library": str(library),
        "threads": threads,
        "runs": RUNS,
        "input": (_TYPES.get(graph.inputs[0].type), graph.inputs[0].shape),
        "output": (_TYPES.get(graph.outputs[0].type), graph.outputs[0].shape),
    }
    command = [sys.executable, "-m", "agent.bench.profiler", json.dumps(order)]
    try:
        done = subprocess.run(
            command,
            input=model,
            capture_output=True,
            timeout=DEADLINE_S,
            env=child_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else _parse(done.stdout)


def match_kernels(nodes: Sequence[Node], kernels: Sequence[Kernel]) -> dict[int, int]:
    """Return kernel number -> node index, as far as order and kind make it certain.

    The delegate merges and adds operators, so the lists differ here and there: the longest
    common runs of kinds are matched. A kernel without a node, and a node without a kernel,
    are possible.
    """
    kinds = [f"{node.index}" if not node.in_delegate else _kind(node.type) for node in nodes]
    found = [f"{one.node}" if one.node is not None else _kernel_kind(one.name) for one in kernels]
    blocks = SequenceMatcher(None, kinds, found, autojunk=False).get_matching_blocks()
    return {
        block.b + step: nodes[block.a + step].index
        for block in blocks
        for step in range(block.size)
    }


def _parse(answer: bytes) -> list[Kernel] | None:
    """Fold the events of all runs over one another; None when the runs are not alike."""
    try:
        events: list[dict[str, Any]] = json.loads(answer)
    except ValueError:
        return None
    each, rest = divmod(len(events), RUNS)
    if rest or not each:
        return None
    kernels = []
    for place in range(each):
        same = events[place::each]
        if any(one["name"] != same[0]["name"] for one in same):
            return None
        times = tuple(int(one["us"]) for one in same)
        kernels.append(Kernel(str(same[0]["name"]), same[0]["node"], times))
    return kernels


def _central_ms(times_us: Sequence[int]) -> float:
    """Drop a quarter at either end and take the mean: the profiler's clock ticks microseconds."""
    times = np.sort(np.asarray(times_us, np.float64))
    quarter = times.size // 4
    return float(times[quarter : times.size - quarter].mean()) / 1000


def _kind(operator: str) -> str:
    for _, operators in _WORDS:
        if operator in operators:
            return operators[0]
    return operator


def _kernel_kind(name: str) -> str:
    for word, operators in _WORDS:
        if word in name.lower():
            return operators[0]
    return name
