"""A comparison as tables; the page, Markdown and CSV all show these."""

from __future__ import annotations

from training.comparison.cells import Table, estimate_text, metric_text, ordered_entries, percent
from training.comparison.paper import network_title
from training.comparison.paper_table import table_1
from training.comparison.records import Comparison, Entry, Run, SideFigures
from training.intervals import upper_bound


def all_tables(comparison: Comparison) -> tuple[Table, ...]:
    """Return all tables that have something to say, the paper's Table 1 first."""
    tables = (
        table_1(comparison),
        line_table(comparison),
        accuracy_table(comparison),
        cost_table(comparison),
        fold_table(comparison),
        run_table(comparison),
    )
    return tuple(table for table in tables if table.rows)


def line_table(comparison: Comparison) -> Table:
    """Return what the line would do: escapes, rejects and rechecks at each model's thresholds."""
    entries = [each for each in ordered_entries(comparison) if each.test and each.test.line]
    return Table(
        name="line",
        title="On the line: at each model's own thresholds",
        note=(
            "An escape is a defective part that is passed. By part a defective part escapes if any "
            "of its pictures is passed, since the line sees one picture that nobody chose. The "
            "bound is the highest escape rate by part that so many parts leave possible (95 %, "
            "exact). The thresholds were chosen on validation pictures."
        ),
        columns=(
            *("model", "split", "escapes (pictures)", "false rejects (pictures)", "rechecks"),
            *("recall by part", "escaped parts", "good parts rejected"),
            *("false rejects at 99 % recall", "false rejects at 99 % recall by part"),
        ),
        rows=tuple(
            _line_row(each, comparison.label(each), each.test)
            for each in entries
            if each.test is not None
        ),
        strong=tuple(place for place, each in enumerate(entries) if each.part_safe),
    )


def _line_row(entry: Entry, label: str, side: SideFigures) -> tuple[str, ...]:
    line = side.line
    if line is None:
        return (entry.title, label, *("-" for _ in range(8)))
    parts = line.parts
    by_part = ("-", "parts not known", "-")
    if parts is not None:
        by_part = (
            estimate_text(parts.recall),
            f"{parts.escaped} of {parts.defective}, bound "
            f"{percent(upper_bound(parts.escaped, parts.defective))}",
            f"{parts.rejected} of {parts.good}",
        )
    return (
        entry.title,
        label,
        f"{line.escapes} of {line.defective}",
        f"{line.false_rejects} of {line.good}",
        f"{line.rechecks}",
        *by_part,
        estimate_text(side.false_rejects_at_99),
        estimate_text(side.false_rejects_at_99_by_part),
    )


def accuracy_table(comparison: Comparison) -> Table:
    """Return accuracies in training, at validation and in the test."""
    entries = [each for each in ordered_entries(comparison) if each.training or each.test]
    bases = sorted({run.training_basis for each in entries for run in each.runs})
    return Table(
        name="accuracy",
        title="Accuracy in training, at validation and in the test",
        note=(
            f"Training: {'; '.join(bases)}. The validation pictures chose epoch and thresholds: "
            "their figure flatters."
        ),
        columns=("model", "split", "training", "validation", "test"),
        rows=tuple(
            (
                each.title,
                comparison.label(each),
                percent(None if each.training is None else each.training.value),
                percent(None if each.validation is None else each.validation.value),
                estimate_text(None if each.test is None else each.test.metrics.get("accuracy")),
            )
            for each in entries
        ),
        strong=tuple(place for place, each in enumerate(entries) if each.part_safe and each.test),
    )


def cost_table(comparison: Comparison) -> Table:
    """Return parameters, work, size and time of each model."""
    rows = {}
    for each in ordered_entries(comparison):
        cost, run = each.cost, each.runs[0]
        if cost is None:
            continue
        time = "-" if cost.latency_ms is None else f"{cost.latency_ms:.1f} ms"
        height, width, channels = run.input_size
        rows[each.title, f"{width}x{height}x{channels}"] = (
            f"{cost.parameters:,}",
            f"{cost.macs / 1e6:,.1f}",
            f"{2 * cost.macs / 1e6:,.1f}",
            "-" if run.model_bytes is None else f"{run.model_bytes / 1e6:.2f} MB",
            time,
        )
    return Table(
        name="cost",
        title="What a model costs",
        note=(
            "Float32 Keras models. MAC: a multiply-accumulate of a convolution or dense layer, two "
            "FLOPs. The time is the median of predict_on_batch with one picture on "
            f"this machine ({comparison.machine.get('cpu', 'unknown')}, "
            f"{comparison.machine.get('threads', '?')} threads), the models in turn; it is not the "
            "device's: linewarden bench measures the exported bundle there."
        ),
        columns=("model", "input", "parameters", "MMAC", "MFLOP", "file", "one picture"),
        rows=tuple((*key, *row) for key, row in rows.items()),
    )


def fold_table(comparison: Comparison) -> Table:
    """Return each fold of the entries that have several."""
    rows = []
    for entry in ordered_entries(comparison):
        for run in entry.runs if len(entry.runs) > 1 else ():
            side = run.test
            line = None if side is None else side.line
            parts = None if line is None else line.parts
            rows.append(
                (
                    entry.title,
                    f"{run.split.fold} of {run.split.folds}",
                    "-" if side is None else f"{side.pictures:,}",
                    *(metric_text(side, name) for name in ("accuracy", "recall", "specificity")),
                    "-" if parts is None else estimate_text(parts.recall),
                )
            )
    return Table(
        name="folds",
        title="Fold by fold",
        note="Each fold tests parts that no other fold tests and that its model has not seen.",
        columns=(
            *("model", "fold", "pictures", "accuracy", "recall", "specificity"),
            "recall by part at its thresholds",
        ),
        rows=tuple(rows),
    )


def run_table(comparison: Comparison) -> Table:
    """Return how each run was made."""
    return Table(
        name="runs",
        title="The runs",
        note="Options, thresholds and versions of each run stand below and in its run folder.",
        columns=("run", "model", "split", "state", "pictures", "input", "epochs", "time", "seed"),
        rows=tuple(_run_row(run) for run in comparison.runs),
    )


def _run_row(run: Run) -> tuple[str, ...]:
    height, width, _ = run.input_size
    return (
        run.name,
        network_title(run.network),
        run.split.label,
        run.state,
        f"{run.data_pictures:,}",
        f"{width}x{height}",
        str(len(run.history)),
        f"{run.duration_s / 60:.0f} min",
        str(run.options.get("seed", "-")),
    )
