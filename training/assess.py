"""A model and a data folder -> an honest evaluation: no picture that the model has seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.dataset import Index, Picture, Side, guess_defective, has_sides, read_index
from training.errors import DataError
from training.evaluate import BandCounts, Metrics, Scores, Truth, count_band, measure_scores
from training.scoring import Advance, Judge, score_pictures


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one model on one side of a data folder, with what was left out of them."""

    title: str
    side: Side
    metrics: Metrics
    at_thresholds: BandCounts | None
    fingerprint: str
    excluded_seen: int
    included_seen: int
    unreadable: tuple[str, ...]
    other_size: int
    scores: Scores
    truth: Truth


def evaluate_judge(
    judge: Judge,
    root: Path,
    side: Side | None = None,
    *,
    defective: str | None = None,
    include_seen: bool = False,
    begin: Callable[[int], Advance] | None = None,
) -> Evaluation:
    """Evaluate on a side of `root`: test/ where there is one, unless `side` says otherwise.

    Pictures whose contents the model was trained on are left out and counted, or kept and counted
    with `include_seen`. `begin` is told the number of pictures and returns what is told of each
    batch. Raises DataError.
    """
    side = side or default_side(root)
    index = read_index(root, side)
    known = [picture for picture in index.pictures if picture.sha256 in judge.seen]
    pictures = index.pictures if include_seen else _unseen(index, judge)
    truth = _truth(judge, index, pictures, defective)
    advance = None if begin is None else begin(len(pictures))
    scores = score_pictures(judge, root, pictures, advance)
    limits = judge.thresholds
    frame = (judge.input.frame_height, judge.input.frame_width)
    return Evaluation(
        title=judge.title,
        side=side,
        metrics=measure_scores(scores, truth),
        at_thresholds=None if limits is None else count_band(scores, truth, limits),
        fingerprint=index.fingerprint,
        excluded_seen=0 if include_seen else len(known),
        included_seen=len(known) if include_seen else 0,
        unreadable=index.unreadable,
        other_size=sum((each.height, each.width) != frame for each in pictures),
        scores=scores,
        truth=truth,
    )


def default_side(root: Path) -> Side:
    """Return test where a folder has test/, train where it only has train/, else all."""
    if not has_sides(root):
        return "all"
    return "test" if (root / "test").is_dir() else "train"


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as it is printed and kept; it holds no path of this machine."""
    band = evaluation.at_thresholds
    return {
        "model": evaluation.title,
        "split": evaluation.side,
        **asdict(evaluation.metrics),
        "at_thresholds": None if band is None else asdict(band),
        "data_fingerprint": evaluation.fingerprint,
        "excluded_seen": evaluation.excluded_seen,
        "included_seen": evaluation.included_seen,
        "unreadable": list(evaluation.unreadable),
        "other_size": evaluation.other_size,
    }


def _unseen(index: Index, judge: Judge) -> tuple[Picture, ...]:
    unseen = tuple(each for each in index.pictures if each.sha256 not in judge.seen)
    if not unseen:
        raise DataError(
            f"the model was trained on all {len(index.pictures)} pictures of {index.root}: figures "
            "from them would mean nothing (--include-seen gives them all the same)"
        )
    return unseen


def _truth(
    judge: Judge, index: Index, pictures: tuple[Picture, ...], defective: str | None
) -> Truth:
    """Return which pictures are defective, by the model's labels or else by the folders' names."""
    if defective is None and set(index.labels) <= set(judge.labels):
        bad: tuple[str, ...] = judge.defective
    else:
        bad = guess_defective(index.labels, defective)
    return np.array([picture.label in bad for picture in pictures], np.bool_)
