"""Run folders -> runs of a comparison; figures that a run does not have are left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from bundle.manifest import first_fault
from training.comparison.records import (
    METRIC_NAMES,
    Basis,
    Estimate,
    LineCounts,
    PartCounts,
    Run,
    SideFigures,
    SplitKind,
)
from training.errors import RunError
from training.evaluate import Confusion
from training.intervals import Interval, wilson_interval
from training.run_folder import (
    CONFIG,
    ENVIRONMENT,
    METRICS,
    EpochRecord,
    PictureLists,
    RunFolder,
)

LAST_EPOCH = "on varied pictures, while learning"


class _Loose(BaseModel):
    """What is read of a file that also holds what other commands need."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _Counts(_Loose):
    tp: int
    fn: int
    fp: int
    tn: int


class _Parts(_Loose):
    defective_parts: int
    escaped_parts: int
    good_parts: int
    falsely_rejected_parts: int
    recall_by_part_any_miss: float | None = None
    recall_by_part_any_miss_interval: Interval | None = None


class _ByPart(_Loose):
    at_half: _Parts | None = None
    at_thresholds: _Parts | None = None


class _Band(_Loose):
    escapes: int
    false_rejects: int
    rechecks: int
    defective: int
    good: int


class _Point(_Loose):
    false_rejects: int = 0
    false_reject_rate: float | None = None
    false_reject_rate_by_part: float | None = None


class _Escapes(_Loose):
    at_99_recall_by_picture: _Point | None = None
    at_99_recall_by_part: _Point | None = None


class _Side(_Loose):
    pictures: int
    confusion: _Counts | None = None
    accuracy: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    specificity: float | None = None
    auc: float | None = None
    intervals: dict[str, Interval] = {}
    intervals_by_part: dict[str, Interval] | None = None
    at_thresholds: _Band | None = None
    by_part: _ByPart | None = None
    escapes: _Escapes | None = None
    included_seen: int = 0
    data_fingerprint: str | None = None


class _Metrics(_Loose):
    validation: _Side | None = None
    test: _Side | None = None


def read_runs(paths: Sequence[Path]) -> tuple[Run, ...]:
    """Read run folders in the given order. Raises RunError for one that is none, or is twice."""
    if not paths:
        raise RunError("name at least one run folder, as linewarden train --out writes them")
    places: dict[Path, Path] = {}
    for path in paths:
        place = path.resolve()
        if place in places:
            raise RunError(f"{path} and {places[place]} are the same run: name each once")
        places[place] = path
    return tuple(
        read_run(path, name) for path, name in zip(paths, _names(list(places)), strict=True)
    )


def read_run(path: Path, name: str) -> Run:
    """Read one run folder. Raises RunError in one line for what is missing or damaged."""
    if not path.is_dir():
        raise RunError(f"{path} is no run folder" if path.exists() else f"there is no {path}")
    folder = RunFolder(path)
    card, pictures, history = folder.read_card(), folder.read_pictures(), folder.read_history()
    metrics, limits = _read_metrics(folder), card.thresholds
    model = folder.model_path
    return Run(
        name=name,
        network=card.network,
        split=_split(pictures),
        input_size=(card.input.height, card.input.width, card.input.channels),
        data_fingerprint=card.data.fingerprint,
        data_pictures=card.data.pictures,
        labels=card.labels,
        defective=card.defective,
        thresholds=None if limits is None else (limits.reject_at, limits.recheck_at),
        options=_read_object(folder, CONFIG),
        environment=_read_object(folder, ENVIRONMENT),
        history=history,
        training=_training(history),
        training_basis=LAST_EPOCH,
        validation=_side(None if metrics is None else metrics.validation),
        test=_side(None if metrics is None else metrics.test),
        model_bytes=model.stat().st_size if model.is_file() else None,
        finished=metrics is not None,
    )


def _read_metrics(folder: RunFolder) -> _Metrics | None:
    content = folder.read_json(METRICS)
    if content is None:
        return None
    try:
        # By way of JSON: pydantic takes its lists for tuples only there.
        return _Metrics.model_validate_json(json.dumps(content))
    except ValidationError as error:
        raise RunError(f"{folder.path / METRICS} is wrong: {first_fault(error)}") from error


def _read_object(folder: RunFolder, name: str) -> dict[str, object]:
    """Return a file that is only shown; other versions of linewarden may have other keys in it."""
    content = folder.read_json(name)
    if content is not None and not isinstance(content, dict):
        raise RunError(f"{folder.path / name} is wrong: it must hold one JSON object")
    return content or {}


def _split(pictures: PictureLists) -> SplitKind:
    facts = pictures.split
    if facts is None:
        return SplitKind("folders")
    return SplitKind("part-safe", facts.fold, facts.folds, facts.seed)


def _training(history: Sequence[EpochRecord]) -> Estimate | None:
    """Return the accuracy in the epoch that was kept: the best one of the last phase."""
    last = [record for record in history if record.phase == history[-1].phase]
    if not last:
        return None
    return Estimate(min(last, key=lambda record: record.val_loss).accuracy)


def _side(side: _Side | None) -> SideFigures | None:
    if side is None or side.pictures == 0:
        return None
    counts = side.confusion
    return SideFigures(
        pictures=side.pictures,
        confusion=None if counts is None else Confusion(**counts.model_dump()),
        metrics=_metrics(side),
        parts=None if side.by_part is None else _part_counts(side.by_part.at_half),
        line=_line(side),
        false_rejects_at_99=_at_99_recall(side, "at_99_recall_by_picture"),
        false_rejects_at_99_by_part=_at_99_recall(side, "at_99_recall_by_part"),
        included_seen=side.included_seen,
        fingerprint=side.data_fingerprint,
    )


def _metrics(side: _Side) -> dict[str, Estimate]:
    known: tuple[tuple[Basis, dict[str, Interval]], ...] = (
        ("parts", side.intervals_by_part or {}),
        ("pictures", side.intervals),
    )
    found = {}
    for name in METRIC_NAMES:
        value = getattr(side, name)
        if value is None:
            continue
        found[name] = Estimate(value)
        for basis, intervals in known:
            if name in intervals:
                found[name] = Estimate(value, *intervals[name], basis)
                break
    return found


def _line(side: _Side) -> LineCounts | None:
    band = side.at_thresholds
    if band is None:
        return None
    return LineCounts(
        **band.model_dump(),
        parts=None if side.by_part is None else _part_counts(side.by_part.at_thresholds),
    )


def _part_counts(parts: _Parts | None) -> PartCounts | None:
    if parts is None:
        return None
    recall = None
    if parts.recall_by_part_any_miss is not None:
        interval = parts.recall_by_part_any_miss_interval or wilson_interval(
            parts.defective_parts - parts.escaped_parts, parts.defective_parts
        )
        recall = Estimate(parts.recall_by_part_any_miss, *interval, "parts")
    return PartCounts(
        defective=parts.defective_parts,
        escaped=parts.escaped_parts,
        good=parts.good_parts,
        rejected=parts.falsely_rejected_parts,
        recall=recall,
    )


def _at_99_recall(side: _Side, name: str) -> Estimate | None:
    """Return the share of good pictures that are rejected at a named point of the escape curve."""
    point = None if side.escapes is None else getattr(side.escapes, name)
    if point is None or point.false_reject_rate is None or side.confusion is None:
        return None
    good = side.confusion.fp + side.confusion.tn
    interval = wilson_interval(point.false_rejects, good)
    return Estimate(point.false_reject_rate, *interval, "pictures")


def _names(places: Sequence[Path]) -> list[str]:
    """Return folder names; those that would be alike with the folder they lie in."""
    short = [place.name for place in places]
    return [
        name if short.count(name) == 1 else f"{place.parent.name}/{name}"
        for place, name in zip(places, short, strict=True)
    ]
