"""From a trained network to a finished run: temperature, thresholds, figures, plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.manifest import Thresholds
from training.assess import Evaluation, evaluate_judge, evaluation_json
from training.balance import fit_shift, shift_model
from training.calibration import fit_temperature
from training.charts import draw_confusion, draw_history, draw_roc, draw_scores
from training.evaluate import Scores, Truth
from training.figures import Figures, figures_json, measure_all
from training.fit import Job
from training.run_folder import METRICS, RunFolder
from training.scoring import (
    defect_scores,
    infer_pictures,
    load_keras_model,
    open_run_judge,
)
from training.threshold import choose_thresholds


@dataclass(frozen=True, slots=True)
class _Validation:
    """The validation pictures with what the calibrated network makes of them."""

    scores: Scores
    truth: Truth
    parts: NDArray[np.int64] | None


def finish_run(
    job: Job, folder: RunFolder, *, model: Any = None, hasty: bool = False
) -> Evaluation | None:
    """Choose balance, temperature and thresholds on validation, then measure the test side once.

    The test side is that of the run's own split, else the folder test/. Returns its evaluation, or
    None where the data has neither. `model` is what the folder's file holds, and is balanced with
    it; it is loaded unless it is at hand. A `hasty` run is neither balanced nor tested: what has
    hardly learned would be put on its fence, where rounding decides.
    """
    truth, parts = _truth(job), _parts(job)
    if model is None:
        model = load_keras_model(folder.model_path)
    if hasty:
        logits = infer_pictures(open_run_judge(folder, model), job.root, job.split.validation)
    else:
        logits = _balance(job, folder, model, truth, parts)
    temperature = fit_temperature(logits, _one_hot(job))
    folder.write_card(folder.read_card().model_copy(update={"temperature": temperature}))
    judge = open_run_judge(folder, model)
    validation = _Validation(defect_scores(judge, logits), truth, parts)
    thresholds = choose_thresholds(
        validation.scores,
        validation.truth,
        job.options.wanted_escape_rate,
        parts=validation.parts,
        max_escape_rate=job.options.max_escape_rate,
    )
    folder.write_card(folder.read_card().model_copy(update={"thresholds": thresholds}))
    tested = None if hasty else _test_run(job, folder, model)
    _write_figures(folder, validation, thresholds, tested)
    return tested


def _balance(
    job: Job, folder: RunFolder, model: Any, truth: Truth, parts: NDArray[np.int64] | None
) -> NDArray[np.float32]:
    """Put the even decision at one half, in the network and in its file; return the new logits.

    Trained on so many bad pictures and drawn defects, a network calls a doubtful part bad.
    """
    judge = open_run_judge(folder, model)
    logits = infer_pictures(judge, job.root, job.split.validation)
    bad = np.array([label in job.defective for label in job.labels], np.bool_)
    shift = fit_shift(logits, bad, truth, parts)
    if shift == 0.0:
        return logits
    shift_model(model, bad, shift)
    folder.save_model(model, folder.model_path)
    # Once more by the network itself, so that finishing a run twice gives the same to the last bit.
    return infer_pictures(judge, job.root, job.split.validation)


def _test_run(job: Job, folder: RunFolder, model: Any) -> Evaluation | None:
    judge = open_run_judge(folder, model)
    if judge.split_test:
        return evaluate_judge(judge, job.root)
    return evaluate_judge(judge, job.root, "test") if (job.root / "test").is_dir() else None


def _write_figures(
    folder: RunFolder, validation: _Validation, thresholds: Thresholds, tested: Evaluation | None
) -> None:
    scores, truth = validation.scores, validation.truth
    figures = measure_all(scores, truth, validation.parts, thresholds)
    folder.write_json(
        METRICS,
        {
            # The validation parts chose epoch, temperature and thresholds: their figures flatter.
            "validation": {"side": "validation", **figures_json(figures, scores, truth)},
            "test": None if tested is None else evaluation_json(tested),
        },
    )
    if tested is None:
        _draw(folder, "validation", figures, scores, truth)
    else:
        _draw(folder, "test", tested.figures, tested.scores, tested.truth)
    folder.write_plot("history.png", draw_history(folder.read_history()))


def _draw(folder: RunFolder, side: str, figures: Figures, scores: Scores, truth: Truth) -> None:
    band = figures.at_thresholds
    folder.write_plot(f"{side}-confusion.png", draw_confusion(figures.metrics))
    folder.write_plot(f"{side}-roc.png", draw_roc(scores, truth, figures.metrics, band))
    folder.write_plot(f"{side}-scores.png", draw_scores(scores, truth, band))


def _one_hot(job: Job) -> NDArray[np.float64]:
    places = [job.labels.index(picture.label) for picture in job.split.validation]
    return np.eye(len(job.labels))[places]


def _truth(job: Job) -> Truth:
    return np.array([each.label in job.defective for each in job.split.validation], np.bool_)


def _parts(job: Job) -> NDArray[np.int64] | None:
    if not all(picture.sha256 in job.part_of for picture in job.split.validation):
        return None
    return np.array([job.part_of[picture.sha256] for picture in job.split.validation], np.int64)
