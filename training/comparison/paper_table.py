"""The paper's Table 1: its numbers, ours on the folders as given, ours on parts never seen."""

from __future__ import annotations

from training.comparison.cells import (
    Table,
    area_text,
    metric_text,
    ordered_entries,
    percent,
    table_networks,
)
from training.comparison.paper import PaperModel, find_paper_model
from training.comparison.records import METRIC_NAMES, Comparison, Entry

FROM_MATRIX = "†"
NOT_GIVEN = "not given"

_HEADS = ("accuracy", "precision", "recall", "F1", "specificity", "AUC")


def table_1(comparison: Comparison) -> Table:
    """Return the paper's Table 1: its numbers, ours on the folders, ours on parts never seen."""
    rows: list[tuple[str, ...]] = []
    strong = []
    for network in table_networks(comparison):
        paper = find_paper_model(network)
        if paper is not None:
            rows.append(_paper_row(paper))
        for entry in ordered_entries(comparison):
            if entry.network == network:
                strong += [len(rows)] if entry.part_safe and entry.test else []
                rows.append(_metric_row(entry, comparison.label(entry)))
    return Table(
        name="table-1",
        title="Table 1: the paper's figures and ours",
        note=(
            "Defective is the positive class; a picture is called defective from a score of one "
            "half on. Intervals are 95 %: over folds (t) where a row has several, else over whole "
            "parts where these are known, else over pictures (Wilson), which is too narrow where "
            f"one part has many pictures. {FROM_MATRIX} follows from the paper's confusion matrix."
        ),
        columns=(
            *("model", "figures", "pictures"),
            *_HEADS,
            *("defective called good", "good called defective"),
        ),
        rows=tuple(rows),
        strong=tuple(strong),
    )


def _paper_row(paper: PaperModel) -> tuple[str, ...]:
    counts = paper.confusion
    accuracy = percent(paper.accuracy)
    if not paper.consistent:
        accuracy = f"printed {accuracy}; {percent(counts.accuracy)} {FROM_MATRIX}"
    return (
        *(paper.title, "the paper", f"{counts.tp + counts.fn + counts.fp + counts.tn:,}", accuracy),
        _paper_cell(paper.precision, counts.precision),
        _paper_cell(paper.recall, counts.recall),
        _paper_cell(paper.f1, counts.f1),
        _paper_cell(None, counts.specificity),
        NOT_GIVEN if paper.auc is None else f"{paper.auc:.4f}",
        f"{counts.fn} of {counts.tp + counts.fn}",
        f"{counts.fp} of {counts.fp + counts.tn}",
    )


def _paper_cell(printed: float | None, counted: float | None) -> str:
    derived = f"{percent(counted)} {FROM_MATRIX}"
    return derived if printed is None else f"printed {percent(printed)}; {derived}"


def _metric_row(entry: Entry, label: str) -> tuple[str, ...]:
    head = (entry.title, f"ours, {label}")
    side = entry.test
    if side is None:
        return (*head, entry.runs[0].state, *("-" for _ in range(len(_HEADS) + 2)))
    counts = side.confusion
    return (
        *head,
        f"{side.pictures:,}",
        *(metric_text(side, name) for name in METRIC_NAMES[:-1]),
        area_text(side.metrics.get("auc")),
        "-" if counts is None else f"{counts.fn} of {counts.tp + counts.fn}",
        "-" if counts is None else f"{counts.fp} of {counts.fp + counts.tn}",
    )
