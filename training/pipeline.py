"""From a data folder to a finished run: index, split, fit, thresholds, figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bundle.manifest import DataFacts, InputSpec
from training.assess import Evaluation, evaluate_judge, evaluation_json
from training.charts import draw_confusion, draw_history, draw_roc, draw_scores
from training.config import Phase, TrainOptions, spread_epochs
from training.dataset import (
    Index,
    Picture,
    Split,
    guess_defective,
    has_sides,
    read_index,
    split_validation,
)
from training.environment import describe_environment
from training.errors import DataError, OptionError, RunError
from training.evaluate import BandCounts, Metrics, Scores, Truth, count_band, measure_scores
from training.fit import Job
from training.networks.catalogue import find_network
from training.run_folder import ENVIRONMENT, METRICS, RunCard, RunFolder, list_pictures
from training.scoring import open_run_judge, score_pictures
from training.threshold import choose_thresholds


def plan_options(
    options: TrainOptions, epochs: int | None, *, from_scratch: bool = False
) -> TrainOptions:
    """Return options with their recipe written out, that of the network where they have none.

    The network's recipe supposes initial weights; `from_scratch` has it learn everything, batch
    statistics included: frozen at their beginnings they would let no signal through.
    """
    phases: tuple[Phase, ...] = options.phases or find_network(options.model).recipe
    if from_scratch and not options.phases:
        everything = {"trained": "all", "batch_norm": "trained"}
        phases = tuple(phase.model_copy(update=everything) for phase in phases)
    if epochs is not None:
        phases = spread_epochs(phases, epochs)
    return options.model_copy(update={"phases": phases})


def begin_run(root: Path, folder: RunFolder, options: TrainOptions, weights: str | None) -> Job:
    """Index the data, split it and make the run folder. Raises DataError or RunError."""
    folder.refuse_other()
    index, split = _split(root, options)
    folder.begin(options, _card(index, options), list_pictures(split, index.unreadable))
    folder.write_json(ENVIRONMENT, describe_environment())
    return _job(index, split, options, weights)


def resume_run(root: Path, folder: RunFolder, given: Mapping[str, Any], weights: str | None) -> Job:
    """Return the job of a run that was begun before, with the options it was begun with.

    Raises OptionError where an option is `given` and differs, RunError for other pictures.
    """
    options = folder.read_options()
    _check_given(options, given)
    index, split = _split(root, options)
    if folder.read_card().data.fingerprint != index.fingerprint:
        raise RunError(
            f"{folder.path} was begun with other pictures than those in {root}; they must be the "
            "very same to go on"
        )
    folder.write_json(ENVIRONMENT, describe_environment())
    return _job(index, split, options, weights)


def finish_run(job: Job, folder: RunFolder) -> Evaluation | None:
    """Choose the thresholds on validation, then measure test/ once; write metrics and plots.

    Returns the evaluation on test/, or None where the data has no such folder.
    """
    judge = open_run_judge(folder)
    scores = score_pictures(judge, job.root, job.split.validation)
    bad = judge.defective
    truth = np.array([picture.label in bad for picture in job.split.validation], np.bool_)
    thresholds = choose_thresholds(scores, truth, job.options.wanted_escape_rate)
    folder.write_card(folder.read_card().model_copy(update={"thresholds": thresholds}))
    metrics, band = measure_scores(scores, truth), count_band(scores, truth, thresholds)
    tested = None
    if (job.root / "test").is_dir():
        tested = evaluate_judge(open_run_judge(folder), job.root, "test")
    folder.write_json(
        METRICS,
        {
            # The validation parts chose epoch and thresholds: their figures flatter.
            "validation": {**asdict(metrics), "at_thresholds": asdict(band)},
            "test": None if tested is None else evaluation_json(tested),
        },
    )
    if tested is None:
        _draw(folder, "validation", scores, truth, metrics, band)
    else:
        _draw(folder, "test", tested.scores, tested.truth, tested.metrics, tested.at_thresholds)
    folder.write_plot("history.png", draw_history(folder.read_history()))
    return tested


def _draw(
    folder: RunFolder,
    side: str,
    scores: Scores,
    truth: Truth,
    metrics: Metrics,
    band: BandCounts | None,
) -> None:
    folder.write_plot(f"{side}-confusion.png", draw_confusion(metrics))
    folder.write_plot(f"{side}-roc.png", draw_roc(scores, truth, metrics, band))
    folder.write_plot(f"{side}-scores.png", draw_scores(scores, truth, band))


def _split(root: Path, options: TrainOptions) -> tuple[Index, Split]:
    """Return the pictures to learn from and their uses; twins of test pictures are held out."""
    sides = has_sides(root)
    index = read_index(root, "train" if sides else "all")
    kept_out: frozenset[str] = frozenset()
    if sides and (root / "test").is_dir():
        tested = read_index(root, "test")
        if tested.labels != index.labels:
            raise DataError(f"train/ and test/ in {root} have different class folders")
        kept_out = frozenset(picture.sha256 for picture in tested.pictures)
    split = split_validation(index.pictures, options.validation_share, options.seed, kept_out)
    for pictures in (split.training, split.validation):
        _check_labels(index, pictures)
    return index, split


def _check_labels(index: Index, pictures: tuple[Picture, ...]) -> None:
    if {picture.label for picture in pictures} != set(index.labels):
        raise DataError(
            f"{index.root} has too few pictures: each class needs some to learn from and some to "
            "validate with that do not stand in test/ as well"
        )


def _card(index: Index, options: TrainOptions) -> RunCard:
    return RunCard(
        network=options.model,
        labels=index.labels,
        defective=guess_defective(index.labels, options.defective),
        input=_input(index, options),
        data=DataFacts(fingerprint=index.fingerprint, pictures=len(index.pictures)),
    )


def _input(index: Index, options: TrainOptions) -> InputSpec:
    height, width = index.frame_size
    size = options.size
    return InputSpec(height=size, width=size, frame_height=height, frame_width=width)


def _job(index: Index, split: Split, options: TrainOptions, weights: str | None) -> Job:
    spec = _input(index, options)
    return Job(options, options.phases, index.root, split, spec, index.labels, weights)


def _check_given(options: TrainOptions, given: Mapping[str, Any]) -> None:
    kept = options.model_dump()
    kept["epochs"] = sum(phase.epochs for phase in options.phases)
    for name, value in given.items():
        if value is not None and value != kept[name]:
            raise OptionError(
                f"the run was begun with {name} {kept[name]}, not {value}: leave that option out, "
                "or begin another run"
            )
