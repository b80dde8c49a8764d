"""Figures of a run as PNG; told apart by line and shade, so that grey print and any eye can."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from training.charts_style import DARK, LIGHT, new_figure, render_png
from training.curves import roc_curve
from training.evaluate import BandCounts, Metrics, Scores, Truth
from training.run_folder import EpochRecord


def draw_history(history: Sequence[EpochRecord]) -> bytes:
    """Return loss and accuracy by epoch, with a mark where a phase begins."""
    figure = new_figure(9, 3.6)
    loss, accuracy = figure.subplots(1, 2)
    epochs = [record.epoch for record in history]
    pairs = (
        (loss, "loss", "loss", "val_loss"),
        (accuracy, "accuracy", "accuracy", "val_accuracy"),
    )
    for axes, title, learned, held in pairs:
        axes.plot(
            epochs, [getattr(each, learned) for each in history],
            color=DARK, marker="o", label="training (varied pictures)",
        )  # fmt: skip
        axes.plot(
            epochs, [getattr(each, held) for each in history],
            color=LIGHT, marker="s", linestyle="--", label="validation",
        )  # fmt: skip
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        _mark_phases(axes, history)
    loss.legend()
    return render_png(figure)


def draw_confusion(metrics: Metrics) -> bytes:
    """Return the confusion matrix with counts and the share of each row."""
    counts = metrics.confusion
    table = ((counts.tp, counts.fn), (counts.fp, counts.tn))
    figure = new_figure(4.6, 4.2)
    axes = figure.subplots()
    shares = [[count / max(1, sum(row)) for count in row] for row in table]
    axes.imshow(shares, cmap="Greys", vmin=0.0, vmax=1.0)
    for line, row in enumerate(table):
        for column, count in enumerate(row):
            share = shares[line][column]
            axes.text(
                column, line, f"{count}\n{share:.1%}",
                ha="center", va="center", fontsize=13,
                color="white" if share > 0.5 else "black",
            )  # fmt: skip
    axes.set_xticks([0, 1], ["defective", "good"])
    axes.set_yticks([0, 1], ["defective", "good"])
    axes.set(xlabel="called", ylabel="is", title=f"{metrics.pictures} pictures")
    return render_png(figure)


def draw_roc(
    scores: Scores, truth: Truth, metrics: Metrics, band: BandCounts | None = None
) -> bytes:
    """Return the ROC curve, its upper left corner enlarged, with the thresholds marked."""
    figure = new_figure(9, 4.2)
    false, true = roc_curve(scores, truth)
    whole, corner = figure.subplots(1, 2)
    marks = [(0.5, "o", "at 0.5")]
    if band is not None:
        marks.append((band.recheck_at, "s", f"recheck_at {band.recheck_at:.3f}"))
    for axes in (whole, corner):
        axes.plot(false, true, color=DARK, drawstyle="steps-post")
        for threshold, marker, name in marks:
            called = scores >= threshold
            axes.plot(
                (called & ~truth).sum() / max(1, (~truth).sum()),
                (called & truth).sum() / max(1, truth.sum()),
                marker=marker, color=LIGHT, markeredgecolor="black", linestyle="", label=name,
            )  # fmt: skip
        axes.set(xlabel="good pictures called defective", ylabel="defective pictures found")
        axes.grid(alpha=0.3)
    whole.plot([0, 1], [0, 1], color="grey", linestyle=":")
    whole.set_title("ROC" if metrics.auc is None else f"ROC, area {metrics.auc:.5f}")
    corner.set(xlim=(-0.003, 0.1), ylim=(0.9, 1.003), title="its upper left corner")
    corner.legend(loc="lower right")
    return render_png(figure)


def draw_scores(scores: Scores, truth: Truth, band: BandCounts | None = None) -> bytes:
    """Return how the defect scores of good and defective parts lie, and the thresholds."""
    figure = new_figure(7, 3.6)
    axes = figure.subplots()
    edges = [step / 50 for step in range(51)]
    axes.hist(scores[~truth], edges, color="white", edgecolor="black", label="good")
    axes.hist(scores[truth], edges, color=DARK, alpha=0.8, label="defective")
    if band is not None:
        axes.axvline(band.reject_at, color="black", linestyle="-", label="reject_at")
        axes.axvline(band.recheck_at, color="black", linestyle="--", label="recheck_at")
    axes.set(xlabel="defect score", ylabel="pictures", yscale="symlog")
    axes.legend(loc="upper center")
    return render_png(figure)


def _mark_phases(axes: Axes, history: Sequence[EpochRecord]) -> None:
    for before, after in pairwise(history):
        if before.phase != after.phase:
            axes.axvline(after.epoch - 0.5, color="grey", linestyle=":")
