"""The accuracy of runs' models on pictures that they learned from, as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.comparison.records import Estimate, Run
from training.dataset import Picture, read_index
from training.errors import DataError
from training.evaluate import DECISION_THRESHOLD
from training.run_folder import RunFolder
from training.scoring import open_run_judge, score_pictures

MOST_PICTURES = 1000


def measure_training(
    runs: Sequence[Run], paths: Sequence[Path], data: Path, most: int = MOST_PICTURES
) -> tuple[Run, ...]:
    """Return the runs with their training accuracy measured, on `most` of their training pictures.

    During the training it is measured on varied pictures by a model that still changes, which is
    no figure to set beside the others. A run without a model, or of other pictures than those in
    `data`, is returned as it is. Raises DataError where `data` has no run's pictures.
    """
    found = {picture.sha256: picture for picture in read_index(data).pictures}
    measured, any_known = [], False
    for run, path in zip(runs, paths, strict=True):
        folder = RunFolder(path)
        learned = {picture.sha256 for picture in folder.read_pictures().training}
        # The lowest hashes: the same pictures each time, in no order that has a meaning.
        sample = [found[sha256] for sha256 in sorted(learned & found.keys())[:most]]
        any_known = any_known or bool(sample)
        usable = sample and run.model_bytes is not None
        measured.append(_measure(run, folder, data, sample) if usable else run)
    if not any_known:
        raise DataError(
            f"{data} has none of the pictures that the runs learned from: name the folder they "
            "were trained on, or leave --data out"
        )
    return tuple(measured)


def _measure(run: Run, folder: RunFolder, data: Path, pictures: Sequence[Picture]) -> Run:
    judge = open_run_judge(folder)
    scores = score_pictures(judge, data, pictures)
    truth = np.array([picture.label in judge.defective for picture in pictures], np.bool_)
    share = float(((scores >= DECISION_THRESHOLD) == truth).mean())
    basis = f"on {len(pictures)} training pictures as they are"
    return replace(run, training=Estimate(share), training_basis=basis)
