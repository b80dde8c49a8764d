"""The bundle's model beside the unpruned one: what each step cost and what it gave."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import Manifest, Thresholds
from export.interval import Share, share
from export.parity import HeldOut, defect_scores
from export.pictures import VALIDATION
from export.slim.climb import StepFigures
from export.slim.latency_table import measure_in_turn

THREADS = (1, 2, 4)
DECISION = 0.5


@dataclass(frozen=True, slots=True)
class Side:
    """One network as float and int8 flatbuffer, with what both said of the held-out pictures.

    `float_thresholds` were chosen on the float model; the draft has those of the int8 model.
    """

    name: str
    draft: Manifest
    float_model: bytes
    int8_model: bytes
    macs: int
    sets: Sequence[HeldOut]
    float_thresholds: Thresholds


@dataclass(frozen=True, slots=True)
class StepRow:
    """One line of the card's table; `p50_ms` by number of threads, as far as it was measured.

    Accuracy and disagreements with the full float model are at one half, escapes at the model's own
    thresholds.
    """

    name: str
    size: int
    macs: int
    model_bytes: int
    p50_ms: Mapping[str, float]
    accuracy: Share
    escapes: Share
    disagreements: Share


@dataclass(frozen=True, slots=True)
class Way:
    """From the full float model to the bundle's, judged on one held-out set; and each cut."""

    judged_on: str
    rows: tuple[StepRow, ...]
    cuts: tuple[StepFigures, ...]

    def ratio(self, first: int, last: int = -1) -> float:
        """Return how many times faster one row is than another, on one thread."""
        one = str(THREADS[0])
        return self.rows[first].p50_ms[one] / self.rows[last].p50_ms[one]


@dataclass(frozen=True, slots=True)
class _Model:
    name: str
    flatbuffer: bytes
    side: Side
    scores: NDArray[np.float64]
    thresholds: Thresholds


def describe_way(
    full: Side, slim: Side, cuts: Sequence[StepFigures], now_ns: Callable[[], int]
) -> Way:
    """Return the table from the full float model to the slim int8 one, timed in one run.

    It is of the test set where there is one, else of validation. Raises ScoreError.
    """
    place = next((i for i, one in enumerate(full.sets) if one.name != VALIDATION), 0)
    models = [model for side in (full, slim) for model in _models(side, place)]
    times = _times([model.flatbuffer for model in models], now_ns)
    truth, first = full.sets[place].defective, models[0].scores
    rows = tuple(_row(model, took, truth, first) for model, took in zip(models, times, strict=True))
    return Way(full.sets[place].name, rows, tuple(cuts))


def _models(side: Side, place: int) -> list[_Model]:
    one, draft = side.sets[place], side.draft

    def scores(logits: NDArray[np.float32]) -> NDArray[np.float64]:
        return defect_scores(logits, draft.defective_indices, draft.output)

    return [
        _Model(
            f"{side.name}, float", side.float_model, side,
            scores(one.float_logits), side.float_thresholds,
        ),
        _Model(
            f"{side.name}, int8", side.int8_model, side,
            scores(one.int8_logits), draft.thresholds,
        ),
    ]  # fmt: skip


def _row(
    model: _Model,
    p50_ms: Mapping[str, float],
    truth: NDArray[np.bool_],
    first: NDArray[np.float64],
) -> StepRow:
    answers = model.scores >= DECISION
    passed = (model.scores < model.thresholds.recheck_at) & truth
    return StepRow(
        name=model.name,
        size=model.side.draft.input.height,
        macs=model.side.macs,
        model_bytes=len(model.flatbuffer),
        p50_ms=p50_ms,
        accuracy=share(int((answers == truth).sum()), len(truth)),
        escapes=share(int(passed.sum()), int(truth.sum())),
        disagreements=share(int((answers != (first >= DECISION)).sum()), len(truth)),
    )


def _times(models: Sequence[bytes], now_ns: Callable[[], int]) -> list[dict[str, float]]:
    """Return each model's median milliseconds by number of threads, all in turn."""
    times: list[dict[str, float]] = [{} for _ in models]
    for threads in THREADS:
        taken = measure_in_turn(models, now_ns, threads=threads)
        for entry, ms in zip(times, taken, strict=True):
            entry[str(threads)] = round(ms, 3)
    return times
