"""The paper's figures 7 to 15 for our runs, beside the paper's; readable in grey print too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from training.charts_style import DARK, LIGHT, new_figure, percent_axes, render_png
from training.comparison.cells import ordered_entries, table_networks
from training.comparison.paper import find_paper_model, network_title
from training.comparison.records import Comparison, Entry, Estimate
from training.evaluate import Confusion
from training.intervals import wilson_interval
from training.run_folder import EpochRecord

_MOST_EPOCHS_WITH_MARKERS = 40
_CONTRADICTED = "printed, contradicted by its own matrix"
_ENLARGED = (0.94, 1.003)
_PANELS = (
    ("accuracy", "accuracy"),
    ("accuracy", "accuracy, its upper end enlarged"),
    ("recall", "defective pictures found (recall)"),
)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where figures come from, and how they are drawn: told apart by marker, fill and shade."""

    name: str
    colour: str
    marker: str
    counts: Callable[[Comparison, str], Confusion | None]
    estimate: Callable[[Comparison, str, str], Estimate | None]


def draw_curves(entry: Entry, label: str) -> bytes:
    """Return loss and accuracy by epoch; several folds lie over each other, one line each."""
    figure = new_figure(9, 3.6)
    loss, accuracy = figure.subplots(1, 2)
    for number, run in enumerate(entry.runs):
        names = ("training (varied pictures)", "validation") if number == 0 else ("_", "_")
        _draw_run(loss, run.history, "loss", names)
        _draw_run(accuracy, run.history, "accuracy", names)
    percent_axes(accuracy, x=False)
    loss.set(title="loss", ylim=(0, None))
    accuracy.set(title="accuracy")
    for axes in (loss, accuracy):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
    loss.legend()
    figure.suptitle(f"{entry.title}, {label}")
    return render_png(figure)


def _draw_run(
    axes: Axes, history: Sequence[EpochRecord], name: str, labels: tuple[str, str]
) -> None:
    epochs = [record.epoch for record in history]
    marked = len(epochs) <= _MOST_EPOCHS_WITH_MARKERS
    styles = ((name, DARK, "o", "-"), (f"val_{name}", LIGHT, "s", "--"))
    for (field, colour, marker, line), label in zip(styles, labels, strict=True):
        axes.plot(
            epochs,
            [getattr(record, field) for record in history],
            color=colour,
            marker=marker if marked else None,
            markersize=4,
            linestyle=line,
            label=label,
        )


def draw_confusions(comparison: Comparison) -> bytes:
    """Return the confusion matrices: a column for each model, a row for each source of figures."""
    networks = table_networks(comparison)
    sources = [
        source
        for source in _SOURCES
        if any(source.counts(comparison, network) is not None for network in networks)
    ]
    figure = new_figure(1.2 + 2.6 * len(networks), 0.4 + 2.6 * max(1, len(sources)))
    grid = figure.subplots(max(1, len(sources)), len(networks), squeeze=False)
    for line, source in enumerate(sources):
        for column, network in enumerate(networks):
            axes = grid[line][column]
            _draw_matrix(axes, source.counts(comparison, network))
            if line == 0:
                axes.set_title(network_title(network), fontweight="bold")
            if column == 0:
                axes.set_ylabel(f"{source.name}\n\nis", fontsize=10)
    return render_png(figure)


def _draw_matrix(axes: Axes, counts: Confusion | None) -> None:
    axes.set_xticks([0, 1], ["defective", "good"])
    axes.set_yticks([0, 1], ["defective", "good"], rotation=90, va="center")
    axes.set_xlabel("called")
    table = ((0, 0), (0, 0)) if counts is None else ((counts.tp, counts.fn), (counts.fp, counts.tn))
    shares = [[count / max(1, sum(row)) for count in row] for row in table]
    axes.imshow(shares, cmap="Greys", vmin=0.0, vmax=1.0)
    if counts is None:
        axes.text(0.5, 0.5, "no figures", ha="center", va="center", color="black")
        return
    for line, row in enumerate(table):
        for column, count in enumerate(row):
            share = shares[line][column]
            axes.text(
                column, line, f"{count:,}\n{share:.2%}", ha="center", va="center", fontsize=11,
                color="white" if share > 0.5 else "black",
            )  # fmt: skip


def draw_accuracies(comparison: Comparison) -> bytes:
    """Return training, validation and test accuracy as bars from zero, with their values."""
    entries = ordered_entries(comparison)
    figure = new_figure(9, 1.4 + 1.05 * len(entries))
    axes = figure.subplots()
    for place, (name, colour, hatch, read) in enumerate(_BARS):
        found = [(row, read(entry)) for row, entry in enumerate(entries)]
        known = [(row, estimate.value) for row, estimate in found if estimate is not None]
        heights = [row + (place - 1.5) * 0.21 for row, _ in known]
        axes.barh(
            heights, [value for _, value in known], 0.2,
            color=colour, edgecolor="black", hatch=hatch, label=name,
        )  # fmt: skip
        for height, (_, value) in zip(heights, known, strict=True):
            axes.text(value + 0.008, height, f"{value:.2%}", va="center", fontsize=8)
    axes.set_yticks(
        range(len(entries)), [f"{entry.title}\n{comparison.label(entry)}" for entry in entries]
    )
    axes.set(xlim=(0, 1.12), ylim=(len(entries) - 0.5, -0.5), xlabel="accuracy")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0])
    percent_axes(axes, y=False)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper center", ncols=4)
    return render_png(figure)


def draw_beside_paper(comparison: Comparison) -> bytes:
    """Return accuracy and recall of the paper, of ours on the folders, and on parts never seen."""
    networks = table_networks(comparison)
    figure = new_figure(12, 1.8 + 0.85 * len(networks))
    panels = figure.subplots(1, 3, sharey=True)
    for axes, (name, title) in zip(panels, _PANELS, strict=True):
        for place, source in enumerate(_SOURCES):
            known = [
                (row + (place - 1) * 0.22, estimate)
                for row, network in enumerate(networks)
                if (estimate := source.estimate(comparison, network, name)) is not None
            ]
            _draw_estimates(axes, known, source)
        axes.set_xlabel(title)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        percent_axes(axes, y=False)
        axes.grid(axis="x", alpha=0.3)
        axes.set_axisbelow(True)
    for axes in panels[:2]:
        _draw_contradicted(axes, networks)
    panels[1].set_xlim(_ENLARGED)
    panels[0].set_yticks(range(len(networks)), [network_title(each) for each in networks])
    panels[0].set_ylim(len(networks) - 0.5, -0.5)
    named = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
    order = [name for name in (*(each.name for each in _SOURCES), _CONTRADICTED) if name in named]
    figure.legend([named[name] for name in order], order, loc="outside upper center", ncols=4)
    return render_png(figure)


def _draw_estimates(axes: Axes, known: Sequence[tuple[float, Estimate]], source: _Source) -> None:
    below = [0.0 if one.low is None else max(0.0, one.value - one.low) for _, one in known]
    above = [0.0 if one.high is None else max(0.0, one.high - one.value) for _, one in known]
    axes.errorbar(
        [one.value for _, one in known], [height for height, _ in known], xerr=(below, above),
        color="black", ecolor="black", linestyle="", capsize=3, marker=source.marker, markersize=8,
        markerfacecolor=source.colour, markeredgecolor="black", label=source.name,
    )  # fmt: skip


def _draw_contradicted(axes: Axes, networks: Sequence[str]) -> None:
    """Mark accuracies that the paper prints and its own confusion matrix contradicts."""
    for row, network in enumerate(networks):
        paper = find_paper_model(network)
        if paper is not None and not paper.consistent:
            axes.plot(
                paper.accuracy, row - 0.22, color="black", marker="+", markersize=11,
                markeredgewidth=2, linestyle="", label=_CONTRADICTED,
            )  # fmt: skip


def _paper_counts(comparison: Comparison, network: str) -> Confusion | None:
    del comparison
    paper = find_paper_model(network)
    return None if paper is None else paper.confusion


def _paper_estimate(comparison: Comparison, network: str, name: str) -> Estimate | None:
    """Return a figure that follows from the paper's confusion matrix, the only one that agrees."""
    counts = _paper_counts(comparison, network)
    if counts is None:
        return None
    right, total = counts.tp, counts.tp + counts.fn
    if name == "accuracy":
        right, total = right + counts.tn, total + counts.fp + counts.tn
    return Estimate(right / total, *wilson_interval(right, total), "pictures")


def _our_counts(comparison: Comparison, network: str, *, part_safe: bool) -> Confusion | None:
    entry = comparison.of(network, part_safe=part_safe)
    return None if entry is None or entry.test is None else entry.test.confusion


def _our_estimate(
    comparison: Comparison, network: str, name: str, *, part_safe: bool
) -> Estimate | None:
    entry = comparison.of(network, part_safe=part_safe)
    return None if entry is None or entry.test is None else entry.test.metrics.get(name)


def _test_accuracy(entry: Entry) -> Estimate | None:
    return None if entry.test is None else entry.test.metrics.get("accuracy")


def _paper_accuracy(entry: Entry) -> Estimate | None:
    """Return what the paper prints, beside an entry on the same terms."""
    paper = None if entry.part_safe else find_paper_model(entry.network)
    return None if paper is None else Estimate(paper.accuracy)


_SOURCES = (
    _Source("the paper", "white", "X", _paper_counts, _paper_estimate),
    _Source(
        "ours, folders as given",
        LIGHT,
        "s",
        lambda comparison, network: _our_counts(comparison, network, part_safe=False),
        lambda comparison, network, name: _our_estimate(comparison, network, name, part_safe=False),
    ),
    _Source(
        "ours, parts never seen",
        DARK,
        "o",
        lambda comparison, network: _our_counts(comparison, network, part_safe=True),
        lambda comparison, network, name: _our_estimate(comparison, network, name, part_safe=True),
    ),
)

_Bar = tuple[str, str, str, Callable[[Entry], "Estimate | None"]]
_BARS: tuple[_Bar, ...] = (
    ("training", "white", "", lambda entry: entry.training),
    ("validation", LIGHT, "//", lambda entry: entry.validation),
    ("test", DARK, "", _test_accuracy),
    ("the paper's test, as printed", "#bbbbbb", "..", _paper_accuracy),
)
