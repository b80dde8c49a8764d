"""What train and evaluate print: figures in a few lines, warnings on the error stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from training.assess import Evaluation


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Return an evaluation in a few lines for a terminal."""
    metrics, counts = evaluation.metrics, evaluation.metrics.confusion
    lines = [f"{evaluation.title} on {metrics.pictures} pictures ({evaluation.side})"]
    for name in ("accuracy", "precision", "recall", "specificity"):
        low, high = metrics.intervals.get(name, (None, None))
        bounds = "" if low is None else f"  95 %: {_percent(low)} .. {_percent(high)}"
        lines.append(f"  {name:<12}{_percent(getattr(metrics, name))}{bounds}")
    lines.append(f"  {'f1':<12}{_percent(metrics.f1)}")
    lines.append(f"  {'auc':<12}{'-' if metrics.auc is None else f'{metrics.auc:.5f}'}")
    lines.append(f"  tp {counts.tp}  fn {counts.fn}  fp {counts.fp}  tn {counts.tn}  at 0.5")
    band = evaluation.at_thresholds
    if band is not None:
        lines.append(
            f"at reject {band.reject_at:.4f}, recheck {band.recheck_at:.4f}: "
            f"{band.escapes} of {band.defective} defective parts escape, {band.false_rejects} of "
            f"{band.good} good parts rejected, {band.rechecks} to check again"
        )
    return lines


def say_unreadable(unreadable: tuple[str, ...]) -> None:
    """Warn of pictures that cannot be read."""
    if unreadable:
        shown = ", ".join(unreadable[:5]) + (", …" if len(unreadable) > 5 else "")
        _warn(f"{len(unreadable)} pictures cannot be read and are skipped: {shown}")


def say_warnings(evaluation: Evaluation) -> None:
    """Warn of whatever makes the figures of an evaluation less than they seem."""
    say_unreadable(evaluation.unreadable)
    if evaluation.excluded_seen:
        _warn(f"{evaluation.excluded_seen} pictures were seen in training: left out of the figures")
    if evaluation.included_seen:
        _warn(f"{evaluation.included_seen} pictures were seen in training: the figures flatter")
    if evaluation.other_size:
        _warn(f"{evaluation.other_size} pictures have another size than in training: scaled")


def _warn(line: str) -> None:
    typer.echo(f"warning: {line}", err=True)


def _percent(share: float | None) -> str:
    return "      -" if share is None else f"{100 * share:6.2f}%"
