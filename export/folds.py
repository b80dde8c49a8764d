"""What the other folds of a run say: how a network trained like this one judges other parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

from export.errors import ExportError
from training.comparison.folds import T975
from training.comparison.read import read_runs
from training.comparison.records import Run


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure in each fold, their mean, and where another lot of parts may lie at 95 %."""

    values: tuple[float, ...]
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Folds:
    """Figures at a score of one half over all folds of one split; each tests other parts."""

    folds: int
    seed: int
    accuracy: Spread
    recall: Spread


def read_folds(paths: Sequence[Path]) -> Folds:
    """Read the run folders of all folds of one split. Raises ExportError or RunError."""
    runs = read_runs(paths)
    first = runs[0].split
    for run in runs:
        same = (run.network, run.split.folds, run.split.seed, run.data_fingerprint)
        if same != (runs[0].network, first.folds, first.seed, runs[0].data_fingerprint):
            raise ExportError(f"{run.name} is no fold of the split of {runs[0].name}")
        if run.test is None or not run.split.part_safe:
            raise ExportError(f"{run.name} has no part-safe test figures: finish its training")
    numbers = sorted(run.split.fold or 0 for run in runs)
    if first.folds is None or numbers != list(range(1, first.folds + 1)):
        raise ExportError(
            f"give every fold once: the split has {first.folds}, and these are "
            f"{', '.join(map(str, numbers))}"
        )
    return Folds(len(runs), first.seed or 0, _spread(runs, "accuracy"), _spread(runs, "recall"))


def predict_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % prediction interval of one more value, held within 0..1.

    Student's t on the values' own spread; of a single value nothing follows.
    """
    if len(values) < 2:
        return 0.0, 1.0
    degrees = len(values) - 1
    quantile = T975[degrees - 1] if degrees <= len(T975) else 1.96
    half = quantile * stdev(values) * math.sqrt(1.0 + 1.0 / len(values))
    return max(0.0, fmean(values) - half), min(1.0, fmean(values) + half)


def _spread(runs: Sequence[Run], name: str) -> Spread:
    values = tuple(run.test.metrics[name].value for run in runs if run.test is not None)
    low, high = predict_interval(values)
    return Spread(values, fmean(values), low, high)
