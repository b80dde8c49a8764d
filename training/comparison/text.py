"""A comparison as Markdown, CSV and JSON: for documents, spreadsheets and programs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from training.comparison.cells import Table, ordered_entries
from training.comparison.claims import find_claims
from training.comparison.fronts import SlimFront
from training.comparison.paper import LEAK, MODELS, TITLE, PaperModel
from training.comparison.records import Comparison, Entry, Estimate
from training.comparison.tables import all_tables


def comparison_markdown(comparison: Comparison) -> str:
    """Return claims, warnings and all tables as Markdown."""
    claims = [claim.text for claim in find_claims(comparison)]
    lines = ["# Comparison", "", *(line for claim in claims for line in (claim, ""))]
    lines += [f"- {warning}" for warning in comparison.warnings]
    lines += ["", f"The paper: *{TITLE}*; {LEAK}.", *paper_doubts(comparison)]
    for table in all_tables(comparison):
        lines += ["", f"## {table.title}", "", *_markdown_rows(table), "", table.note]
    return "\n".join(lines) + "\n"


def paper_doubts(comparison: Comparison) -> tuple[str, ...]:
    """Return where the paper contradicts itself, for the networks of this comparison."""
    here = comparison.networks
    return tuple(model.doubt for model in MODELS if model.network in here and model.doubt)


def table_csv(table: Table) -> str:
    """Return a table as CSV, with the cells as they are shown."""
    return _csv([table.columns, *table.rows])


def figures_csv(comparison: Comparison) -> str:
    """Return every figure as a number, one a line: value, interval and what the interval counts."""
    head = ("network", "figures", "split", "side", "figure", "value", "low", "high", "basis")
    return _csv([head, *_paper_lines(comparison), *_our_lines(comparison)])


def comparison_json(comparison: Comparison, fronts: Sequence[SlimFront] = ()) -> dict[str, Any]:
    """Return the whole comparison for programs; it holds no path of this machine."""
    return {
        "schema_version": 1,
        "claims": [asdict(claim) for claim in find_claims(comparison)],
        "warnings": list(comparison.warnings),
        "machine": comparison.machine,
        "paper": [
            {**asdict(model), "consistent": model.consistent}
            for model in MODELS
            if model.network in comparison.networks
        ],
        "entries": [_entry_json(entry) for entry in ordered_entries(comparison)],
        "fronts": [front.model_dump(mode="json") for front in fronts],
    }


def table_lines(table: Table) -> list[str]:
    """Return a table as lines of a terminal, its columns aligned."""
    rows = [table.columns, *table.rows]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _entry_json(entry: Entry) -> dict[str, Any]:
    content = asdict(entry)
    content["network"], content["split"] = entry.network, entry.split_label
    content["part_safe"] = entry.part_safe
    for run, kept in zip(content["runs"], entry.runs, strict=True):
        run["history"] = [record.model_dump() for record in kept.history]
        run["state"] = kept.state
    return content


def _markdown_rows(table: Table) -> list[str]:
    rows = [table.columns, tuple("---" for _ in table.columns), *table.rows]
    # The rows that hold for new parts are the ones to read.
    shown = [
        tuple(f"**{cell}**" for cell in row) if place - 2 in table.strong else row
        for place, row in enumerate(rows)
    ]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in shown]


def _paper_lines(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    for model in MODELS:
        if model.network in comparison.networks:
            yield from _paper_model_lines(model)


def _paper_model_lines(model: PaperModel) -> Iterator[tuple[object, ...]]:
    for source, owner in (("printed", model), ("confusion matrix", model.confusion)):
        for name in ("accuracy", "precision", "recall", "f1", "specificity", "auc"):
            value = getattr(owner, name, None)
            if value is not None:
                yield (model.network, "paper", "folders", "test", name, value, "", "", source)


def _our_lines(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    for entry in ordered_entries(comparison):
        head = (entry.network, "ours", comparison.label(entry))
        for side, estimate in (("training", entry.training), ("validation", entry.validation)):
            yield from _estimate_line((*head, side, "accuracy"), estimate)
        if entry.test is None:
            continue
        for name, estimate in entry.test.metrics.items():
            yield from _estimate_line((*head, "test", name), estimate)
        for name, estimate in (
            ("false rejects at 99 % recall", entry.test.false_rejects_at_99),
            ("false rejects at 99 % recall by part", entry.test.false_rejects_at_99_by_part),
        ):
            yield from _estimate_line((*head, "test", name), estimate)
        line = entry.test.line
        if line is not None and line.parts is not None:
            yield from _estimate_line((*head, "test", "recall by part"), line.parts.recall)


def _estimate_line(
    head: tuple[str, ...], estimate: Estimate | None
) -> Iterator[tuple[object, ...]]:
    if estimate is not None:
        bounds = ("" if bound is None else bound for bound in (estimate.low, estimate.high))
        yield (*head, estimate.value, *bounds, estimate.basis)


def _csv(rows: Sequence[Sequence[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()
