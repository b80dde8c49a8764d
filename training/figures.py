"""All figures of an evaluation from scores, truth and parts, and as one JSON object."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from bundle.manifest import Thresholds
from training.calibration import Calibration, measure_calibration
from training.curves import corners, precision_recall_curve, roc_curve
from training.escapes import (
    WANTED_RECALL,
    EscapePoint,
    ScoreTable,
    escape_curve,
    tabulate,
)
from training.evaluate import (
    DECISION_THRESHOLD,
    BandCounts,
    Metrics,
    Parts,
    Scores,
    Truth,
    count_band,
    measure_scores,
)
from training.part_metrics import (
    PartFigures,
    WorstPart,
    measure_parts,
    parts_under_two_labels,
    worst_parts,
)


@dataclass(frozen=True, slots=True)
class ByPart:
    """What is known by part: at a half, and at the model's own thresholds where it has some."""

    under_two_labels: int
    at_half: PartFigures
    at_thresholds: PartFigures | None


@dataclass(frozen=True, slots=True)
class Escapes:
    """The escape curve, the points on it that have a name, and how many units its bound counts."""

    points: tuple[EscapePoint, ...]
    counted: int
    at_threshold: EscapePoint
    at_99_recall_by_picture: EscapePoint | None
    at_99_recall_by_part: EscapePoint | None
    without_escape: EscapePoint | None


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is measured; what has nothing to be measured on is None."""

    metrics: Metrics
    at_thresholds: BandCounts | None
    by_part: ByPart | None
    escapes: Escapes | None
    calibration: Calibration | None
    worst_defective: tuple[WorstPart, ...]
    worst_good: tuple[WorstPart, ...]


def measure_all(
    scores: Scores, truth: Truth, parts: Parts | None, thresholds: Thresholds | None
) -> Figures:
    """Measure everything; the worst parts are those at the threshold below which parts pass."""
    pass_below = DECISION_THRESHOLD if thresholds is None else thresholds.recheck_at
    reject_from = DECISION_THRESHOLD if thresholds is None else thresholds.reject_at
    return Figures(
        metrics=measure_scores(scores, truth, parts=parts),
        at_thresholds=None if thresholds is None else count_band(scores, truth, thresholds),
        by_part=None if parts is None else _by_part(scores, truth, parts, thresholds),
        escapes=_escapes(tabulate(scores, truth, parts), pass_below),
        calibration=measure_calibration(scores, truth),
        worst_defective=worst_parts(scores, truth, parts, pass_below, defective=True),
        worst_good=worst_parts(scores, truth, parts, reject_from, defective=False),
    )


def figures_json(figures: Figures, scores: Scores, truth: Truth) -> dict[str, Any]:
    """Return the figures as JSON holds them, the curves by the points that make them turn."""
    false, true = roc_curve(scores, truth)
    kept = corners(false, true)
    precision, recall, thresholds = precision_recall_curve(scores, truth)
    content = asdict(figures)
    content |= content.pop("metrics")
    content["roc"] = {
        "false_positive_rate": false[kept].tolist(),
        "true_positive_rate": true[kept].tolist(),
    }
    turns = corners(recall, precision)
    content["precision_recall"] = {
        "precision": precision[turns].tolist(),
        "recall": recall[turns].tolist(),
        "threshold": thresholds[turns].tolist(),
    }
    return content


def _by_part(scores: Scores, truth: Truth, parts: Parts, thresholds: Thresholds | None) -> ByPart:
    own = None
    if thresholds is not None:
        own = measure_parts(scores, truth, parts, thresholds.recheck_at, thresholds.reject_at)
    return ByPart(
        under_two_labels=parts_under_two_labels(truth, parts),
        at_half=measure_parts(scores, truth, parts, DECISION_THRESHOLD),
        at_thresholds=own,
    )


def _escapes(table: ScoreTable, threshold: float) -> Escapes | None:
    """Return the escape curve; None where there is no defective picture that could escape."""
    if len(table.defective) == 0:
        return None
    return Escapes(
        points=escape_curve(table),
        counted=table.counted,
        at_threshold=table.at(threshold),
        at_99_recall_by_picture=table.at_recall(WANTED_RECALL, "picture"),
        at_99_recall_by_part=table.at_recall(WANTED_RECALL, "part"),
        without_escape=table.at_recall(1.0, "picture"),
    )
