"""Whether the line leaves its model the time that it takes on this device."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from agent.active_model import ActiveModel, OpenEngine
from agent.clock import Clock
from agent.config.document import Config
from agent.config.gate import ControllerGate
from agent.errors import AgentError, ModelError
from agent.models.loader import ModelLoader
from bundle.archive import open_archive
from bundle.errors import BundleError
from bundle.golden import golden_frames

RUNS = 7
_ENOUGH_NS = 500_000_000


@dataclass(frozen=True, slots=True)
class Times:
    """What a few verdicts took, from the frame to the score."""

    runs: int
    median_ms: float
    worst_ms: float


def time_model(path: Path, config: Config, clock: Clock, opener: OpenEngine | None = None) -> Times:
    """Prove the model as the start does, and time a few verdicts on its golden frames.

    `opener` stands in for the engine of the configuration. Raises ModelError, and ConfigError for a
    mark that cannot be read.
    """
    model = ModelLoader(config, clock, opener).load(path)
    try:
        return _time(model, path, clock)
    except (AgentError, BundleError) as error:
        raise ModelError(f"{path}: {error}") from error
    finally:
        model.close()


def time_left_ms(config: Config) -> float:
    """Return what is left for the verdict of a part whose frame was taken at the last moment.

    A PASS must be committed as well, and that waits for others.
    """
    timing = config.timing
    before_ms = 2 * timing.guard_ms + timing.command_ms + timing.frame_within_ms
    return timing.delay_ms - before_ms - config.ledger.group_ms


def time_fault(config: Config, times: Times) -> str:
    """Return why most verdicts would come too late, and what to do; empty where they would not."""
    left_ms = time_left_ms(config)
    if times.median_ms <= left_ms:
        return ""
    return (
        f"{_delay(config)}: the model takes {times.median_ms:.1f} ms here (median of "
        f"{_verdicts(times)}) and the line leaves it {left_ms:.1f} ms (the delay less twice "
        "the guard, command_ms, frame_within_ms and ledger.group_ms), so its parts would be "
        f"`late`: {_remedy(config, times)}"
    )


def time_note(config: Config, times: Times) -> str:
    """Return that the slowest verdict would have come too late; empty where it would not."""
    left_ms = time_left_ms(config)
    if not times.median_ms <= left_ms < times.worst_ms:
        return ""
    return (
        f"{_delay(config)}: the slowest of {times.runs} verdicts took {times.worst_ms:.1f} ms here "
        f"and the line leaves {left_ms:.1f} ms, so some parts could be `late`: "
        f"{_remedy(config, times)}"
    )


def _time(model: ActiveModel, path: Path, clock: Clock) -> Times:
    frames = golden_frames(open_archive(path).contents)
    taken_ns: list[int] = []
    for frame in islice(cycle(frames), RUNS):
        start_ns = clock.now_ns()
        model.judge(frame)
        taken_ns.append(clock.now_ns() - start_ns)
        if sum(taken_ns) > _ENOUGH_NS:
            break
    return Times(len(taken_ns), median(taken_ns) / 1e6, max(taken_ns) / 1e6)


def _verdicts(times: Times) -> str:
    return "1 verdict" if times.runs == 1 else f"{times.runs} verdicts"


def _delay(config: Config) -> str:
    delay_ms, fastest = config.timing.delay_ms, _fastest(config)
    if fastest is None:
        return f"timing.delay_ms {delay_ms:g}"
    return f"gate.delay_ticks, {delay_ms:.1f} ms at gate.max_ticks_per_s {fastest}"


def _remedy(config: Config, times: Times) -> str:
    """Say which delay is enough: for the slowest verdict, if that was no exception."""
    model_ms = min(times.worst_ms, 2 * times.median_ms)
    need_ms = config.timing.delay_ms - time_left_ms(config) + model_ms
    fastest = _fastest(config)
    if fastest is None:
        return (
            f"move the gate further away (timing.delay_ms {math.ceil(need_ms)} is enough), "
            "or flash a faster model"
        )
    return (
        f"move the gate further away (gate.delay_ticks {math.ceil(need_ms * fastest / 1000)} is "
        "enough), let the belt run more slowly, or flash a faster model"
    )


def _fastest(config: Config) -> int | None:
    """Return the ticks per second of the fastest belt; None where windows are times."""
    gate = config.gate
    return gate.max_ticks_per_s if isinstance(gate, ControllerGate) and gate.by_place else None
