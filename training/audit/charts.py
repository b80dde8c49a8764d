"""The two plots of an audit: how many pictures a part has, and what gives a label away."""

from __future__ import annotations

from collections import Counter

import numpy as np
from matplotlib.axes import Axes

from training.audit.audit import Audit
from training.audit.trivial import WARN_AUC, TrivialFeature, feature_column, trivial_table
from training.charts_style import DARK, LIGHT, MIDDLE, new_figure, render_png

_SHOWN = 3
_HATCHES = ("", "//", "..", "xx", "\\\\")
_COLOURS = (DARK, LIGHT, MIDDLE, "#999999", "#CC79A7")
_BINS = 13


def draw_part_sizes(audit: Audit) -> bytes:
    """Return how many parts have how many pictures, stacked by label, sizes by powers of two."""
    labels = [row.label for row in audit.labels]
    by_part: dict[int, Counter[str]] = {}
    for picture, part in zip(audit.scan.pictures, audit.part_of, strict=True):
        by_part.setdefault(part, Counter())[picture.label] += 1
    rows = np.zeros((len(labels), _BINS))
    for counts in by_part.values():
        own = labels.index(min(counts, key=lambda label: (-counts[label], label)))
        rows[own, min(counts.total().bit_length() - 1, _BINS - 1)] += 1
    used = np.flatnonzero(rows.sum(axis=0))
    first, last = int(used.min()), int(used.max())
    figure = new_figure(7, 3.2)
    axes = figure.subplots()
    places, below = np.arange(first, last + 1), np.zeros(last - first + 1)
    for own, label in enumerate(labels):
        heights = rows[own, first : last + 1]
        axes.bar(
            places, heights, bottom=below, width=0.85, label=label, edgecolor="black",
            color=_COLOURS[own % len(_COLOURS)], hatch=_HATCHES[own % len(_HATCHES)],
        )  # fmt: skip
        below += heights
    for place, total in zip(places.tolist(), below.tolist(), strict=True):
        if total:
            axes.text(place, total, f"{total:.0f}", ha="center", va="bottom")
    axes.set_xticks(places, [_span(place) for place in places.tolist()])
    axes.set(xlabel="pictures of a part", ylabel="parts")
    axes.margins(y=0.12)
    axes.legend()
    return render_png(figure)


def draw_trivial(audit: Audit) -> bytes:
    """Return how far each trivial figure separates, and the spread of the most telling ones."""
    figure = new_figure(11, 3.6)
    first, *others = figure.subplots(1, 1 + _SHOWN, width_ratios=[1.6, *[1] * _SHOWN])
    _draw_separation(first, audit.trivial.features)
    table = trivial_table(audit.scan.pictures)
    bad = np.array([each.label in audit.defective for each in audit.scan.pictures])
    for axes, feature in zip(others, audit.trivial.features, strict=False):
        values = table[:, feature_column(feature.name)]
        edges = np.histogram_bin_edges(values, 30)
        axes.hist(
            values[~bad], edges, density=True, color=LIGHT, edgecolor="black", linewidth=0.4,
            label="good",
        )  # fmt: skip
        axes.hist(
            values[bad], edges, density=True, histtype="step", color=DARK, linewidth=2.2,
            label="defective",
        )  # fmt: skip
        axes.set(xlabel=feature.name, yticks=[])
        axes.locator_params(axis="x", nbins=4)
    others[0].set_ylabel("share of the pictures")
    others[0].legend(fontsize=8, loc="upper left")
    return render_png(figure)


def _draw_separation(axes: Axes, features: tuple[TrivialFeature, ...]) -> None:
    shown = features[::-1]
    places = range(len(shown))
    axes.hlines(places, 0.5, [each.separation for each in shown], color=DARK)
    axes.plot([each.separation for each in shown], places, "o", color=DARK, label="by picture")
    by_part = [each.part_separation for each in shown if each.part_separation is not None]
    if len(by_part) == len(shown):
        axes.plot(by_part, places, "D", color=LIGHT, markeredgecolor="black", label="by part")
    axes.axvline(WARN_AUC, color="grey", linestyle="--", label="suspicious from here")
    axes.set_yticks(places, [each.name for each in shown])
    axes.set(xlim=(0.49, 1.01), xlabel="AUC: 0.5 is chance, 1 tells all")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")


def _span(power: int) -> str:
    low, high = 2**power, 2 ** (power + 1) - 1
    return "1" if power == 0 else f"{low} to {high}"
