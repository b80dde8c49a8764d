"""What the channels of a network cost on this machine, and the time that is shared out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from export.slim.climb import ClimbFolder
from export.slim.ladder import Ladder
from export.slim.latency_table import (
    estimate_costs,
    measure_costs,
    measure_in_turn,
    timing_model,
)
from export.slim.layer_costs import Costs
from export.slim.plain import has_swish, without_swish
from export.steps import Steps
from training.fit import Job

Now = Callable[[], int]


def costs_of(
    folder: ClimbFolder, whole: Any, job: Job, ladder: Ladder, steps: Steps, now_ns: Now
) -> Costs:
    """Measure what each group of channels of the whole network costs, or read it again.

    Where the ladder is not timed only the machine's speed is measured. Raises ExportError.
    """
    told = False

    def tell(_group: str, done: int, total: int) -> None:
        nonlocal told
        if not told:
            steps.step("Measuring what each group of channels costs", total - done)
            told = True
        steps.advance()

    def measure(models: Any) -> tuple[float, ...]:
        return measure_in_turn(models, now_ns)

    if not ladder.timed:
        steps.step("Timing a convolution")
        return estimate_costs(whole, job.spec, measure, folder.costs)
    return measure_costs(whole, job.spec, measure, folder.costs, tell=tell)


def unpruned_ms(
    full: Any, whole_int8: bytes | None, costs: Costs, job: Job, folder: ClimbFolder, now_ns: Now
) -> float:
    """Return what the unpruned int8 model takes, in the costs' milliseconds.

    Of a network with swish that is the one without, but with all of its gates: `whole_int8`, from
    which channels go, has lost those that stand still. Raises ExportError.
    """
    if whole_int8 is None or not has_swish(full):
        return costs.base_ms
    gated = timing_model(without_swish(full), job.spec, folder.log)
    whole_ms, gated_ms = measure_in_turn((whole_int8, gated), now_ns)
    return costs.base_ms * gated_ms / whole_ms
