"""Run folders -> one frozen comparison: read, joined by folds, with costs and warnings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from training.comparison.claims import find_warnings
from training.comparison.cost import LATENCY_RUNS, NowNs, measure_costs
from training.comparison.folds import join_runs
from training.comparison.read import read_runs
from training.comparison.records import Comparison, Cost, Run
from training.comparison.seen import measure_training
from training.environment import describe_environment


def compare_runs(
    paths: Sequence[Path],
    *,
    data: Path | None = None,
    now_ns: NowNs | None = None,
    costs: bool = True,
    latency_runs: int = LATENCY_RUNS,
) -> Comparison:
    """Compare run folders.

    `data` is the folder of pictures they were trained on: with it the training accuracy is measured
    on pictures as they are. `now_ns` times the models; `costs=False` loads none of them.
    Raises RunError, DataError or ModelError.
    """
    runs = read_runs(paths)
    if data is not None:
        runs = measure_training(runs, paths, data)
    known = _measure(runs, paths, now_ns, latency_runs) if costs else {}
    entries = tuple(
        replace(each, cost=known.get(_cost_key(each.runs[0]))) for each in join_runs(runs)
    )
    return Comparison(entries, describe_environment(), find_warnings(entries))


def _measure(
    runs: Sequence[Run], paths: Sequence[Path], now_ns: NowNs | None, latency_runs: int
) -> Mapping[str, Cost]:
    """Measure one model of each network and input size: the others differ in values only."""
    models: dict[str, Path] = {}
    for run, path in zip(runs, paths, strict=True):
        if run.model_bytes is not None:
            models.setdefault(_cost_key(run), path / "model.keras")
    return measure_costs(models, now_ns, latency_runs)


def _cost_key(run: Run) -> str:
    height, width, channels = run.input_size
    return f"{run.network} {height}x{width}x{channels} {len(run.labels)}"
