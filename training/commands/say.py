"""What train and evaluate print: figures in a few lines, warnings on the error stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from training.assess import Evaluation
    from training.figures import ByPart, Escapes
    from training.intervals import Interval


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return an evaluation in a few lines for a terminal."""
    metrics, counts = evaluation.metrics, evaluation.metrics.confusion
    by_part = metrics.intervals_by_part
    intervals = metrics.intervals if by_part is None else by_part
    unit = "by picture" if by_part is None else "by part"
    lines = [f"{evaluation.title} on {metrics.pictures} pictures ({evaluation.side})"]
    for name in ("accuracy", "precision", "recall", "specificity", "f1"):
        value = _percent(getattr(metrics, name))
        lines.append(f"  {name:<12}{value}{_bounds(intervals.get(name), unit)}")
    lines.append(f"  {'auc':<12}{'-' if metrics.auc is None else f'{metrics.auc:.5f}'}")
    lines.append(f"  tp {counts.tp}  fn {counts.fn}  fp {counts.fp}  tn {counts.tn}  at 0.5")
    band = evaluation.at_thresholds
    if band is not None:
        lines.append(
            f"at reject {band.reject_at:.4f}, recheck {band.recheck_at:.4f}: "
            f"{band.escapes} of {band.defective} defective pictures pass, {band.false_rejects} of "
            f"{band.good} good ones are rejected, {band.rechecks} to check again"
        )
    figures = evaluation.figures
    return [*lines, *_part_lines(figures.by_part), *_escape_lines(figures.escapes)]


def say_unreadable(unreadable: tuple[str, ...]) -> None:
    """Warn of pictures that cannot be read."""
    from training.report.caveats import unreadable_caveat

    if unreadable:
        _warn(unreadable_caveat(unreadable))


def say_warnings(evaluation: Evaluation) -> None:
    """Warn of whatever makes the figures of an evaluation less than they seem."""
    from training.report.caveats import list_caveats

    for caveat in list_caveats(evaluation):
        _warn(caveat)


def _part_lines(by_part: ByPart | None) -> list[str]:
    if by_part is None:
        return []
    lines = []
    named = (("at 0.5", by_part.at_half), ("at the thresholds", by_part.at_thresholds))
    for name, figures in named:
        if figures is not None and figures.defective_parts:
            found = figures.defective_parts - figures.escaped_parts
            lines.append(
                f"by part, {name}: {found} of {figures.defective_parts} defective parts caught in "
                f"every picture ({_percent(figures.recall_by_part_any_miss).strip()}), "
                f"{figures.falsely_rejected_parts} of {figures.good_parts} good parts rejected in "
                "some picture"
            )
    return lines


def _escape_lines(escapes: Escapes | None) -> list[str]:
    if escapes is None or escapes.at_99_recall_by_picture is None:
        return []
    lost = escapes.at_99_recall_by_picture.false_reject_rate
    chosen = escapes.at_threshold
    unit = "pictures" if chosen.escapes_by_part is None else "parts"
    return [
        f"false rejects at 99 % recall: {_percent(lost).strip()}; escape rate at the threshold "
        f"below {_percent(chosen.escape_upper_bound).strip()} by {escapes.counted} defective {unit}"
    ]


def _warn(line: str) -> None:
    typer.echo(f"warning: {line}", err=True)


def _bounds(interval: Interval | None, unit: str) -> str:
    if interval is None:
        return ""
    return f"  95 % {unit}: {_percent(interval[0])} .. {_percent(interval[1])}"


def _percent(share: float | None) -> str:
    return "      -" if share is None else f"{100 * share:6.2f}%"
