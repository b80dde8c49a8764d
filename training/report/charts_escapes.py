"""Charts of what escapes: the escape curve, precision against recall, reliability of scores."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter

from training.calibration import Calibration
from training.charts_style import DARK, LIGHT, MIDDLE, new_figure, percent_axes, render_png
from training.curves import average_precision, precision_recall_curve
from training.evaluate import Scores, Truth
from training.figures import Escapes

_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
_EDGE = 5e-4  # as far as the axis of thresholds reaches towards 0 and 1


def draw_escapes(escapes: Escapes) -> bytes:
    """Return escapes against false rejects, and both over the threshold, the chosen one marked."""
    figure = new_figure(11, 4.6)
    against, over = figure.subplots(1, 2)
    _draw_against(against, escapes)
    _draw_over(over, escapes)
    lines, names = against.get_legend_handles_labels()
    more, more_names = over.get_legend_handles_labels()
    figure.legend(
        lines + more, names + more_names, loc="outside lower center", ncols=3, frameon=False
    )
    return render_png(figure)


def draw_precision_recall(scores: Scores, truth: Truth) -> bytes:
    """Return precision against recall, with the precision of calling every part defective."""
    figure = new_figure(9, 4.2)
    whole, corner = figure.subplots(1, 2)
    precision, recall, _ = precision_recall_curve(scores, truth)
    area = average_precision(scores, truth)
    for axes in (whole, corner):
        axes.plot(
            np.insert(recall, 0, 0.0), np.insert(precision, 0, 1.0), color=DARK,
            drawstyle="steps-pre", label="this model",
        )  # fmt: skip
        axes.set(xlabel="defective pictures found (recall)", ylabel="rightly called (precision)")
        percent_axes(axes)
        axes.grid(alpha=0.3)
    if len(truth):
        whole.axhline(
            float(truth.mean()), color="grey", linestyle=":", label="every part called defective"
        )
    name = "precision and recall"
    whole.set(
        xlim=(-0.02, 1.02), ylim=(-0.02, 1.02),
        title=name if area is None else f"{name}, average {area:.5f}",
    )  # fmt: skip
    corner.set(xlim=(0.9, 1.003), ylim=(0.9, 1.003), title="its upper right corner")
    whole.legend(loc="lower left")
    return render_png(figure)


def draw_reliability(calibration: Calibration) -> bytes:
    """Return the share of defective pictures over their score, with the pictures per bin."""
    figure = new_figure(5.4, 5.2)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bins = calibration.bins
    means = [one.mean_score for one in bins]
    shares = np.array([one.defective_share for one in bins])
    reach = np.abs(np.array([one.interval for one in bins]).T - shares)
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="scores that are chances")
    axes.errorbar(means, shares, reach, color=DARK, marker="o", capsize=3, label="this model, 95 %")
    axes.set(
        ylabel="defective among them", ylim=(-0.03, 1.03),
        title=f"reliability: error {calibration.ece:.2%}, Brier {calibration.brier:.4f}",
    )  # fmt: skip
    percent_axes(axes, x=False)
    axes.legend(loc="upper left")
    below.bar(
        [(one.low + one.high) / 2 for one in bins], [one.pictures for one in bins],
        width=0.09, color="lightgrey", edgecolor="black",
    )  # fmt: skip
    below.set(xlabel="defect score", ylabel="pictures", yscale="log", xlim=(-0.02, 1.02))
    below.set_ylim(bottom=0.5)
    for each in (axes, below):
        each.grid(alpha=0.3)
    return render_png(figure)


def _draw_against(axes: Axes, escapes: Escapes) -> None:
    points, chosen = escapes.points, escapes.at_threshold
    unit = "pictures" if chosen.escape_rate_by_part is None else "parts"
    false = [one.false_reject_rate or 0.0 for one in points]
    axes.plot(
        false, [one.escape_upper_bound for one in points], color="black", linestyle=":",
        label=f"95 % upper bound, {escapes.counted} {unit}",
    )  # fmt: skip
    axes.plot(
        false, [one.escape_rate or 0.0 for one in points], color=LIGHT, linestyle="--",
        drawstyle="steps-post", label="escapes by picture",
    )  # fmt: skip
    height = chosen.escape_rate or 0.0
    if chosen.escape_rate_by_part is not None:
        height = chosen.escape_rate_by_part
        axes.plot(
            false, [one.escape_rate_by_part or 0.0 for one in points], color=DARK,
            drawstyle="steps-post", label="escapes by part",
        )  # fmt: skip
    axes.plot(
        chosen.false_reject_rate or 0.0, height, marker="D", color="white",
        markeredgecolor="black", linestyle="", markersize=8, label="the chosen threshold",
    )  # fmt: skip
    axes.set(
        xlabel="good pictures not passed", ylabel="defective passed",
        xlim=(-0.005, min(1.005, max(0.1, 1.5 * (chosen.false_reject_rate or 0.0)))),
        ylim=(-0.005, min(1.005, max(0.1, 2.0 * chosen.escape_upper_bound))),
        title="what escapes against what is thrown away",
    )  # fmt: skip
    percent_axes(axes)
    axes.grid(alpha=0.3)


def _draw_over(axes: Axes, escapes: Escapes) -> None:
    points = [one for one in escapes.points if _EDGE <= one.threshold <= 1.0 - _EDGE]
    at = [one.threshold for one in points]
    by_part = escapes.at_threshold.escape_rate_by_part is not None
    caught = [(one.escape_rate_by_part if by_part else one.escape_rate) or 0.0 for one in points]
    axes.plot(at, [one.escape_upper_bound for one in points], color="black", linestyle=":")
    axes.plot(
        at, caught, drawstyle="steps-pre",
        color=DARK if by_part else LIGHT, linestyle="-" if by_part else "--",
    )  # fmt: skip
    axes.plot(
        at, [one.false_reject_rate or 0.0 for one in points], color=MIDDLE, linestyle="-.",
        drawstyle="steps-pre", label="good pictures not passed",
    )  # fmt: skip
    axes.axvline(escapes.at_threshold.threshold, color="grey", label="the chosen threshold")
    axes.set(
        xscale="logit", xlim=(_EDGE, 1.0 - _EDGE), ylim=(-0.005, 0.3),
        xlabel="threshold: below it a part is passed", ylabel="share",
        title="over the threshold",
    )  # fmt: skip
    axes.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
    axes.xaxis.set_minor_formatter(NullFormatter())
    percent_axes(axes, x=False)
    axes.grid(alpha=0.3)
