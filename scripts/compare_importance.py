"""Compares the two measures of a channel's worth on a network that was trained.

    python scripts/compare_importance.py RUN DATA OUT.json [SHARE ...]

RUN is of a network without swish and has been gone down a ladder: its table of costs in `slim/` is
read. The network is cut to each SHARE of its int8 time in turn (0.6 and 0.4 unless said), once by
each measure and by the ladder's own rules, and learns the ladder's lesson `recover` after each cut.
OUT has what it answers on the validation pictures before and after: right at one half,
cross-entropy, and the correlation of its margins with the full network's. The test side is not
looked at. Killed, it begins anew.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.convert import load_network
from export.slim.answers import TaughtBatches, Teacher
from export.slim.budget import choose_keep, level_groups
from export.slim.climb import ClimbFolder
from export.slim.distil import teach
from export.slim.importance import Importance, norm_importance, taylor_importance
from export.slim.ladder import FULL
from export.slim.latency_table import read_costs
from export.slim.layer_costs import predicted_ms
from export.slim.surgery import keep_channels, widths_of
from training.backend import start_backend
from training.batches import PictureBatches
from training.fit import Job
from training.pipeline import read_job
from training.run_folder import RunFolder

Figures = dict[str, float]
Measure = Callable[[Any], Importance]


def main(run: Path, data: Path, out: Path, shares: list[float]) -> None:
    """Write the figures of both measures to OUT."""
    start_backend()
    source, folder = RunFolder(run), ClimbFolder(run / FULL.folder)
    job = read_job(data, source)
    full = load_network(source.model_path, folder.log)
    costs = read_costs(folder.costs)
    teacher = Teacher(full, job.spec, folder.log, job.options.workers)
    told = answers(full, job)[0]

    def taylor(network: Any) -> Importance:
        batches = FULL.batches(job)
        batches.start_epoch(0)
        rated = islice((batches[place] for place in range(len(batches))), FULL.judged)
        return taylor_importance(network, rated, job.options.label_smoothing)

    def gamma(network: Any) -> Importance:
        return level_groups(norm_importance(network))

    measures: dict[str, Measure] = {"taylor": taylor, "gamma": gamma}
    found: dict[str, dict[str, Figures]] = {}
    for name, measure in measures.items():
        network, steps = full, {}
        for share in shares:
            target_ms = share * costs.base_ms
            keep = choose_keep(measure(network), costs, widths_of(network), target_ms)
            network = keep_channels(network, keep)
            steps[f"{share:g}, cut"] = judge(network, job, told)
            recover(network, job, teacher)
            steps[f"{share:g}, recovered"] = judge(network, job, told)
            steps[f"{share:g}, recovered"]["predicted_ms"] = predicted_ms(costs, widths_of(network))
            found[name] = steps
            out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def recover(network: Any, job: Job, teacher: Teacher) -> None:
    """Teach the ladder's lesson after a cut, the same pictures for both measures."""
    ours, shown = FULL.batches(job), FULL.batches(job)
    taught = TaughtBatches(ours, shown, teacher, job.options.workers)
    smoothing = job.options.label_smoothing
    lesson = FULL.lessons.recover or FULL.lessons.distil
    teach(network, taught, lesson, seed=job.options.seed, smoothing=smoothing, first_epoch=0)


def answers(network: Any, job: Job) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return margins (defective minus good) of the validation pictures, and which are defective."""
    pictures = PictureBatches(job.root, job.split.validation, job.spec, job.labels, batch=32)
    bad = np.array([label in job.defective for label in job.labels])
    margins, truths = [], []
    for place in range(len(pictures)):
        inputs, wanted, _ = pictures[place]
        logits = np.asarray(network(inputs, training=False), np.float64)
        margins.append(_log_sum(logits[:, bad]) - _log_sum(logits[:, ~bad]))
        truths.append(bad[wanted.argmax(axis=1)])
    return np.concatenate(margins), np.concatenate(truths)


def _log_sum(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.logaddexp.reduce(logits, axis=1))


def judge(network: Any, job: Job, told: NDArray[np.float64]) -> Figures:
    """Return what a network is worth at validation, beside what the full one `told`."""
    margins, bad = answers(network, job)
    signed = np.where(bad, margins, -margins)
    return {
        "right": float((signed >= 0.0).mean()),
        "cross_entropy": float(np.logaddexp(0.0, -signed).mean()),
        "correlation": float(np.corrcoef(margins, told)[0, 1]),
        "parameters": float(network.count_params()),
    }


if __name__ == "__main__":
    given = sys.argv[1:]
    if len(given) < 3:
        sys.exit(__doc__)
    main(
        Path(given[0]),
        Path(given[1]),
        Path(given[2]),
        [float(one) for one in given[3:]] or [0.6, 0.4],
    )
