"""Run folders written by hand, with figures that follow from given counts; no TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bundle.manifest import DataFacts, InputSpec, Thresholds
from training.config import TrainOptions
from training.evaluate import Confusion
from training.intervals import wilson_interval
from training.run_folder import (
    ENVIRONMENT,
    EpochRecord,
    ListedPicture,
    PictureLists,
    RunCard,
    RunFolder,
    SplitFacts,
)


def write_run(
    path: Path,
    network: str = "cnn",
    *,
    test: dict[str, Any] | None = None,
    validation: dict[str, Any] | None = None,
    fold: tuple[int, int] | None = None,
    finished: bool = True,
    epochs: int = 3,
    size: int = 224,
    seed: int = 0,
    fingerprint: str = "1" * 64,
) -> Path:
    """Write a run folder; `fold` (1 of 3) makes it part-safe. Returns its path."""
    folder = RunFolder(path)
    facts = None if fold is None else SplitFacts(seed=7, fold=fold[0], folds=fold[1])
    listed = ListedPicture(name="train/def_front/a.jpeg", sha256="2" * 64)
    lists = PictureLists(
        training=(listed,), validation=(), also_in_test=(), unreadable=(), split=facts
    )
    card = RunCard(
        network=network,
        labels=("def_front", "ok_front"),
        defective=("def_front",),
        input=InputSpec(height=size, width=size, frame_height=300, frame_width=300),
        data=DataFacts(fingerprint=fingerprint, pictures=900),
        thresholds=Thresholds(reject_at=0.5, recheck_at=0.2, chosen="by hand"),
    )
    folder.begin(TrainOptions(model=network, size=size, seed=seed), card, lists)
    folder.write_json(ENVIRONMENT, {"cpu": "a processor", "packages": {"keras": "3"}})
    folder.write_history([_epoch(number) for number in range(1, epochs + 1)])
    if finished:
        held = figures(40, 1, 1, 39) if validation is None else validation
        folder.write_json("metrics.json", {"validation": held, "test": test})
    return path


def figures(
    tp: int,
    fn: int,
    fp: int,
    tn: int,
    *,
    parts: tuple[int, int, int, int] | None = None,
    line: tuple[int, int, int] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return one side of metrics.json from its confusion matrix.

    `parts` is (defective, escaped, good, rejected), `line` (escapes, false rejects, rechecks).
    """
    counts = Confusion(tp, fn, fp, tn)
    total, bad, good = tp + fn + fp + tn, tp + fn, fp + tn
    side: dict[str, Any] = {
        name: getattr(counts, name)
        for name in ("accuracy", "precision", "recall", "f1", "specificity")
    }
    side |= {"confusion": {"tp": tp, "fn": fn, "fp": fp, "tn": tn}, "pictures": total, "auc": 0.9}
    side["intervals"] = {"accuracy": list(wilson_interval(tp + tn, total))}
    escapes, false_rejects, rechecks = line or (fn, fp, 0)
    side["at_thresholds"] = {
        "escapes": escapes,
        "false_rejects": false_rejects,
        "rechecks": rechecks,
        "defective": bad,
        "good": good,
        "reject_at": 0.5,
        "recheck_at": 0.2,
    }
    if parts is not None:
        counted = _part_figures(*parts)
        side["by_part"] = {"under_two_labels": 0, "at_half": counted, "at_thresholds": counted}
    return side | more


def _part_figures(defective: int, escaped: int, good: int, rejected: int) -> dict[str, Any]:
    return {
        "defective_parts": defective,
        "escaped_parts": escaped,
        "good_parts": good,
        "falsely_rejected_parts": rejected,
        "recall_by_part_any_miss": (defective - escaped) / defective,
        "recall_by_part_any_miss_interval": list(wilson_interval(defective - escaped, defective)),
    }


def _epoch(number: int) -> EpochRecord:
    return EpochRecord(
        epoch=number, phase="all", size=224, learning_rate=0.001, loss=1.0 / number,
        accuracy=0.99 - 0.3 / number, val_loss=1.1 / number, val_accuracy=0.985 - 0.25 / number,
        pictures_per_s=50.0, duration_s=60.0,
    )  # fmt: skip


def damage(path: Path, name: str, content: object) -> None:
    """Replace a file of a run folder."""
    (path / name).write_text(json.dumps(content))
