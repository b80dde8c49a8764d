"""The figures of an evaluation as rows of text and numbers, for its page."""

from __future__ import annotations

from dataclasses import dataclass

from training.assess import Evaluation
from training.escapes import EscapePoint
from training.evaluate import BandCounts, Metrics
from training.figures import ByPart, Escapes
from training.intervals import Interval
from training.part_metrics import PartFigures


@dataclass(frozen=True, slots=True)
class MetricRow:
    """A metric, what it says, and its two intervals; a share is printed as per cent."""

    name: str
    says: str
    value: float | None
    by_picture: Interval | None
    by_part: Interval | None


@dataclass(frozen=True, slots=True)
class PartRow:
    """A figure by part at one threshold: a count of parts, or a share with its interval."""

    name: str
    count: str
    share: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class EscapeRow:
    """A point of the escape curve that has a name."""

    name: str
    point: EscapePoint


_SAYS = {
    "accuracy": "equation 1: of all pictures, how many are called rightly",
    "precision": "equation 2: of those called defective, how many are",
    "recall": "equation 3: of the defective, how many are called so",
    "f1": "equation 4: precision and recall in one figure",
    "specificity": "equation 5: of the good, how many are called so",
    "auc": "area under ROC: how often a defective picture scores above a good one",
    "average_precision": "area under precision and recall, not interpolated",
}
_NAMES = {"f1": "F1", "auc": "AUC", "average_precision": "average precision"}


def facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    """Return what was measured on what."""
    counts = evaluation.metrics.confusion
    bad, good = counts.tp + counts.fn, counts.fp + counts.tn
    by_part = evaluation.figures.by_part
    parts = "not known"
    if by_part is not None:
        half = by_part.at_half
        parts = f"{half.defective_parts} defective, {half.good_parts} good"
    return [
        ("model", evaluation.title),
        ("side of the data", evaluation.side),
        ("pictures", f"{evaluation.metrics.pictures}: {bad} defective, {good} good"),
        ("physical parts", parts),
        (
            "parts never seen in training",
            "yes, by the split" if evaluation.part_safe else "unknown",
        ),
        ("fingerprint of the data", evaluation.fingerprint),
    ]


def metric_rows(metrics: Metrics) -> list[MetricRow]:
    """Return the paper's metrics and the two areas."""
    by_part = metrics.intervals_by_part or {}
    return [
        MetricRow(
            _NAMES.get(name, name),
            says,
            getattr(metrics, name),
            metrics.intervals.get(name),
            by_part.get(name),
        )
        for name, says in _SAYS.items()
    ]


def band_rows(band: BandCounts | None) -> list[tuple[str, str]]:
    """Return what the line does with the pictures at the model's thresholds."""
    if band is None:
        return []
    return [
        ("rejected from a score of", f"{band.reject_at:.4f}"),
        ("checked again from", f"{band.recheck_at:.4f}"),
        ("defective pictures passed", f"{band.escapes} of {band.defective}"),
        ("good pictures rejected", f"{band.false_rejects} of {band.good}"),
        ("pictures to check again", f"{band.rechecks} of {band.defective + band.good}"),
    ]


def part_rows(by_part: ByPart | None) -> list[tuple[str, list[PartRow]]]:
    """Return the figures by part, at a half and at the model's thresholds."""
    if by_part is None:
        return []
    tables = [("at a score of 0.5", _rows_at(by_part.at_half))]
    if by_part.at_thresholds is not None:
        tables.append(("at the model's thresholds", _rows_at(by_part.at_thresholds)))
    return tables


def escape_rows(escapes: Escapes | None) -> list[EscapeRow]:
    """Return the named points of the escape curve."""
    if escapes is None:
        return []
    named = [
        ("where this model passes parts", escapes.at_threshold),
        ("99 % of the defective pictures found", escapes.at_99_recall_by_picture),
        ("99 % of the defective parts found", escapes.at_99_recall_by_part),
        ("no escape among these parts", escapes.without_escape),
    ]
    return [EscapeRow(name, point) for name, point in named if point is not None]


def _rows_at(figures: PartFigures) -> list[PartRow]:
    bad, good = figures.defective_parts, figures.good_parts
    found = bad - figures.escaped_parts
    return [
        PartRow(
            "defective parts caught in every picture",
            f"{found} of {bad}",
            figures.recall_by_part_any_miss,
            figures.recall_by_part_any_miss_interval,
        ),
        PartRow(
            "chance that one picture of a defective part catches it",
            f"mean of {bad}",
            figures.mean_recall_by_part,
            figures.mean_recall_by_part_interval,
        ),
        PartRow(
            "defective parts missed in every picture",
            f"{figures.missed_always} of {bad}",
            None if not bad else figures.missed_always / bad,
            None,
        ),
        PartRow(
            "good parts rejected in some picture",
            f"{figures.falsely_rejected_parts} of {good}",
            figures.false_rejects_by_part,
            figures.false_rejects_by_part_interval,
        ),
        PartRow(
            "chance that one picture of a good part rejects it",
            f"mean of {good}",
            figures.mean_false_rejects_by_part,
            figures.mean_false_rejects_by_part_interval,
        ),
    ]
