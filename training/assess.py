"""A model and a data folder -> an honest evaluation: no picture that the model has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from training.dataset import Picture, Side, fingerprint, guess_defective, has_sides, read_index
from training.errors import DataError
from training.evaluate import BandCounts, Metrics, Scores, Truth
from training.figures import Figures, figures_json, measure_all
from training.scoring import Advance, Judge, defect_scores, infer_pictures
from training.split_file import SplitFile, apply_split

EvaluatedSide = Literal["train", "validation", "test", "all"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Figures of one model on one side of a data folder, with what was left out of them.

    `parts` numbers the physical part of each picture where a split file knows it. `part_safe`:
    the pictures are the test side of the very split that the model was trained on.
    """

    title: str
    side: EvaluatedSide
    figures: Figures
    fingerprint: str
    excluded_seen: int
    included_seen: int
    unreadable: tuple[str, ...]
    other_size: int
    pictures: tuple[Picture, ...]
    logits: NDArray[np.float32]
    scores: Scores
    truth: Truth
    parts: NDArray[np.int64] | None
    part_safe: bool

    @property
    def metrics(self) -> Metrics:
        """Return the metrics at a score of 0.5."""
        return self.figures.metrics

    @property
    def at_thresholds(self) -> BandCounts | None:
        """Return what the line would do at the model's own thresholds."""
        return self.figures.at_thresholds


def evaluate_judge(
    judge: Judge,
    root: Path,
    side: EvaluatedSide | None = None,
    *,
    split: SplitFile | None = None,
    defective: str | None = None,
    include_seen: bool = False,
    begin: Callable[[int], Advance] | None = None,
) -> Evaluation:
    """Evaluate on a side of `root`.

    The side is one of `split` where it is given, else of the split that a run was trained on, both
    test unless `side` says otherwise; else a folder's: test/ where there is one.
    Pictures whose contents the model was trained on are left out and counted, or kept and counted
    with `include_seen`. `begin` is told the number of pictures and returns what is told of each
    batch. Raises DataError.
    """
    chosen = _choose(judge, root, side, split)
    known = [picture for picture in chosen.pictures if picture.sha256 in judge.seen]
    pictures = chosen.pictures if include_seen else _unseen(chosen, judge, root)
    truth = _truth(judge, chosen.labels, pictures, defective)
    advance = None if begin is None else begin(len(pictures))
    logits = infer_pictures(judge, root, pictures, advance)
    scores = defect_scores(judge, logits)
    parts = _parts(pictures, judge.part_of if split is None else split.part_of)
    frame = (judge.input.frame_height, judge.input.frame_width)
    return Evaluation(
        title=judge.title,
        side=chosen.side,
        figures=measure_all(scores, truth, parts, judge.thresholds),
        fingerprint=fingerprint(chosen.pictures),
        excluded_seen=0 if include_seen else len(known),
        included_seen=len(known) if include_seen else 0,
        unreadable=chosen.unreadable,
        other_size=sum((each.height, each.width) != frame for each in pictures),
        pictures=pictures,
        logits=logits,
        scores=scores,
        truth=truth,
        parts=parts,
        part_safe={each.sha256 for each in pictures} <= judge.split_test,
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The pictures that were asked for."""

    side: EvaluatedSide
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    unreadable: tuple[str, ...]


def _choose(
    judge: Judge, root: Path, side: EvaluatedSide | None, split: SplitFile | None
) -> _Chosen:
    if split is not None:
        return _choose_split(root, side or "test", split)
    if side is None and judge.split_test:
        index = read_index(root, "all")
        kept = tuple(each for each in index.pictures if each.sha256 in judge.split_test)
        if not kept:
            raise DataError(f"{root} has none of the pictures that the run keeps for its test")
        return _Chosen("test", index.labels, kept, index.unreadable)
    if side == "validation":
        raise DataError("only a split file has a validation side: name it with --split FILE")
    index = read_index(root, side or default_side(root))
    return _Chosen(side or default_side(root), index.labels, index.pictures, index.unreadable)


def _choose_split(root: Path, side: EvaluatedSide, split: SplitFile) -> _Chosen:
    index = read_index(root, "all")
    sides = apply_split(index, split)
    by_side: dict[EvaluatedSide, tuple[Picture, ...]] = {
        "train": sides.training,
        "validation": sides.validation,
        "test": sides.test,
        "all": (*sides.training, *sides.validation, *sides.test),
    }
    if not by_side[side]:
        raise DataError(f"the split file has no picture on its {side} side")
    return _Chosen(side, index.labels, by_side[side], index.unreadable)


def _parts(pictures: tuple[Picture, ...], part_of: Mapping[str, int]) -> NDArray[np.int64] | None:
    """Return the part of each picture, or None unless all of them are known."""
    if not all(picture.sha256 in part_of for picture in pictures):
        return None
    return np.array([part_of[picture.sha256] for picture in pictures], np.int64)


def default_side(root: Path) -> Side:
    """Return test where a folder has test/, train where it only has train/, else all."""
    if not has_sides(root):
        return "all"
    return "test" if (root / "test").is_dir() else "train"


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation as it is printed and kept; it holds no path of this machine."""
    return {
        "model": evaluation.title,
        "side": evaluation.side,
        "part_safe": evaluation.part_safe,
        "data_fingerprint": evaluation.fingerprint,
        "excluded_seen": evaluation.excluded_seen,
        "included_seen": evaluation.included_seen,
        "unreadable": list(evaluation.unreadable),
        "other_size": evaluation.other_size,
        **figures_json(evaluation.figures, evaluation.scores, evaluation.truth),
    }


def _unseen(chosen: _Chosen, judge: Judge, root: Path) -> tuple[Picture, ...]:
    unseen = tuple(each for each in chosen.pictures if each.sha256 not in judge.seen)
    if not unseen:
        raise DataError(
            f"the model was trained on all {len(chosen.pictures)} pictures of {root}: figures "
            "from them would mean nothing (--include-seen gives them all the same)"
        )
    return unseen


def _truth(
    judge: Judge,
    labels: tuple[str, ...],
    pictures: tuple[Picture, ...],
    defective: str | None,
) -> Truth:
    """Return which pictures are defective, by the model's labels or else by the folders' names."""
    if defective is None and set(labels) <= set(judge.labels):
        bad: tuple[str, ...] = judge.defective
    else:
        bad = guess_defective(labels, defective)
    return np.array([picture.label in bad for picture in pictures], np.bool_)
