"""Slim models as points of accuracy against time, with the best for their time joined."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from numpy.typing import NDArray

from training.charts_style import DARK, LIGHT, MIDDLE, new_figure, percent_axes, render_png
from training.comparison.fronts import FrontPoint, SlimFront
from training.comparison.paper import network_title

# Okabe and Ito's colours, those that differ most in grey first; the marker tells them apart too.
_STYLES = (
    (DARK, "o"), (LIGHT, "s"), (MIDDLE, "^"), ("#CC79A7", "D"), ("#000000", "v"), ("#56B4E9", "P"),
)  # fmt: skip
_LINES = ("-", "--", ":", "-.")
_LINE_COLOUR = "#555555"
_TICK_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
_NAME_PT = 8
_MARKER_PT = 7
_LEADER_FROM_PT = 14
Place = tuple[float, float]
Box = tuple[float, float, float, float]  # left, bottom, right, top
Pixels = NDArray[np.float64]

_SIDES: tuple[Place, ...] = (
    (1, 0), (0.8, 0.8), (0.8, -0.8), (0, 1), (0, -1), (-0.8, 0.8), (-0.8, -0.8), (-1, 0),
)  # fmt: skip
# Where a name may stand from its point: beside it first, then further and further away.
_PLACES = tuple(
    (along * reach, up * reach) for reach in (8, 13, 20, 28, 38, 50, 64, 80) for along, up in _SIDES
)


def draw_pareto(fronts: Sequence[SlimFront]) -> bytes:
    """Return accuracy with its interval against the time of one picture, as PNG."""
    return render_png(pareto_figure(fronts))


def pareto_figure(fronts: Sequence[SlimFront]) -> Figure:
    """Return the plot: filled markers are the best for their time, hollow ones are beaten."""
    figure = new_figure(9, 5.6)
    axes = figure.subplots()
    axes.set_xscale("log")
    points = [point for front in fronts for point in front.points]
    _scale_time(axes, [point.p50_ms for point in points])
    percent_axes(axes, x=False)
    axes.set(
        xlabel=f"median time of one picture, ms ({fronts[0].timed_on})",
        ylabel="accuracy on validation pictures, with its 95 % interval",
    )
    axes.grid(alpha=0.3)
    _draw_lines(axes, fronts)
    _draw_points(axes, fronts)
    axes.margins(y=0.12)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    _name_points(figure, axes, fronts)
    return figure


def _scale_time(axes: Axes, times_ms: Sequence[float]) -> None:
    """Show round numbers of milliseconds, few enough to be read, with room beside the ends."""
    low, high = min(times_ms) / 1.35, max(times_ms) * 1.6
    axes.set_xlim(low, high)
    decades = (10.0**power for power in range(-4, 6))
    ticks = [ten * step for ten in decades for step in _TICK_STEPS if low <= ten * step <= high]
    axes.xaxis.set_major_locator(FixedLocator(ticks[:: max(1, len(ticks) // 10)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw_lines(axes: Axes, fronts: Sequence[SlimFront]) -> None:
    for front, line in zip(fronts, itertools.cycle(_LINES)):
        best = _best(front)
        title = network_title(best[0].network)
        axes.plot(
            [point.p50_ms for point in best], [point.accuracy for point in best],
            color=_LINE_COLOUR, linestyle=line, linewidth=1.2, zorder=1,
            label="best for its time" + (f", {title}" if len(fronts) > 1 else ""),
        )  # fmt: skip


def _best(front: SlimFront) -> list[FrontPoint]:
    return sorted(
        (point for point in front.points if point.name in front.best),
        key=lambda point: point.p50_ms,
    )


def _draw_points(axes: Axes, fronts: Sequence[SlimFront]) -> None:
    families = dict.fromkeys(point.network for front in fronts for point in front.points)
    styles = dict(zip(families, itertools.cycle(_STYLES)))
    for network, (colour, marker) in styles.items():
        name = network_title(network)
        axes.plot(
            [], [], color=colour, marker=marker, markersize=_MARKER_PT, linestyle="", label=name
        )
    if any(point.name not in front.best for front in fronts for point in front.points):
        axes.plot(
            [], [], color=_LINE_COLOUR, marker="o", markersize=_MARKER_PT, linestyle="",
            markerfacecolor="white", label="hollow: another one is faster and as good",
        )  # fmt: skip
    for front in fronts:
        for point in front.points:
            colour, marker = styles[point.network]
            low, high = point.accuracy_interval or (point.accuracy, point.accuracy)
            axes.vlines(point.p50_ms, low, high, colors=colour, alpha=0.6, linewidth=1, zorder=2)
            axes.plot(
                point.p50_ms, point.accuracy,
                color=colour, marker=marker, markersize=_MARKER_PT, zorder=3,
                markerfacecolor=colour if point.name in front.best else "white",
            )  # fmt: skip


def _name_points(figure: Figure, axes: Axes, fronts: Sequence[SlimFront]) -> None:
    """Write each name where it covers no other name, marker, bar or line, if there is such a place.

    Names keep out of the layout, so that nothing moves after their places were chosen.
    """
    figure.draw_without_rendering()
    pixels = figure.dpi / 72
    taken = [box for front in fronts for box in _drawn_boxes(axes, front, pixels)]
    points = sorted(
        (point for front in fronts for point in front.points),
        key=lambda one: (one.p50_ms, one.accuracy, one.name),
    )
    room, names = np.array(axes.bbox.extents), list[Box]()
    for point in points:
        at = axes.transData.transform((point.p50_ms, point.accuracy))
        size = _text_size(figure, point.name)
        boxes = [_name_box(at, place, size, pixels) for place in _PLACES]
        leaders = [_leader_boxes(at, place, pixels) for place in _PLACES]
        covered = _covered(np.array(boxes), room, np.array(taken + names))
        crossed = [_crossed(leader, names) for leader in leaders]
        best = int(np.argmin(covered + crossed))
        names.append(boxes[best])
        taken += leaders[best]
        _write_name(axes, point, _PLACES[best])


def _write_name(axes: Axes, point: FrontPoint, place: Place) -> None:
    """Write a name at its place, with a thin line to its point where that is far."""
    along, up = place
    leader = {"arrowstyle": "-", "color": _LINE_COLOUR, "linewidth": 0.6, "shrinkA": 0}
    axes.annotate(
        point.name, (point.p50_ms, point.accuracy), xytext=place, textcoords="offset points",
        fontsize=_NAME_PT, zorder=4, in_layout=False,
        ha="center" if along == 0 else "left" if along > 0 else "right",
        va="center" if up == 0 else "bottom" if up > 0 else "top",
        arrowprops=leader if _is_far(place) else None,
    )  # fmt: skip


def _leader_boxes(at: Pixels, place: Place, pixels: float) -> list[Box]:
    return list(_line_boxes(at, at + np.array(place) * pixels, 4.0)) if _is_far(place) else []


def _crossed(leader: Sequence[Box], names: Sequence[Box]) -> float:
    """Return how many pixels of the names that are written a leader would cross."""
    return float(_shared(np.array(leader), np.array(names)).sum()) if leader and names else 0.0


def _is_far(place: Place) -> bool:
    return max(abs(place[0]), abs(place[1])) >= _LEADER_FROM_PT


def _text_size(figure: Figure, text: str) -> tuple[float, float]:
    """Return width and height of a name in pixels."""
    written = figure.text(0, 0, text, fontsize=_NAME_PT)
    box = written.get_window_extent()
    written.remove()
    return box.width, box.height


def _name_box(at: Pixels, place: Place, size: tuple[float, float], pixels: float) -> Box:
    """Return the pixels that a name of this size covers beside a point."""
    left, bottom = (
        start + step * pixels - extent * (0.5 if step == 0 else 0.0 if step > 0 else 1.0)
        for start, step, extent in zip(at.tolist(), place, size, strict=True)
    )
    return left, bottom, left + size[0], bottom + size[1]


def _drawn_boxes(axes: Axes, front: SlimFront, pixels: float) -> Iterator[Box]:
    """Yield the boxes of what is drawn of a front: markers, bars, and the line bit by bit."""
    half = _MARKER_PT * pixels / 2
    for point in front.points:
        heights = (point.accuracy, *(point.accuracy_interval or ()))
        ends = axes.transData.transform([(point.p50_ms, height) for height in heights])
        x, y = ends[0].tolist()
        yield (x - half, y - half, x + half, y + half)
        yield (x - 1, float(ends[:, 1].min()), x + 1, float(ends[:, 1].max()))
    corners = axes.transData.transform([(each.p50_ms, each.accuracy) for each in _best(front)])
    for start, end in itertools.pairwise(corners):
        yield from _line_boxes(start, end, step=half)


def _line_boxes(start: Pixels, end: Pixels, step: float) -> Iterator[Box]:
    """Yield boxes of two pixels along a line, at most `step` apart."""
    count = 2 + int(np.hypot(*(end - start)) / step)
    for x, y in np.linspace(start, end, count).tolist():
        yield (x - 1, y - 1, x + 1, y + 1)


def _covered(boxes: Pixels, room: Pixels, taken: Pixels) -> Pixels:
    """Return how many pixels of other things, or beyond the axes, each box would cover."""
    inside = _shared(boxes, room[np.newaxis])[:, 0]
    whole = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    covered: Pixels = np.round(whole - inside + _shared(boxes, taken).sum(axis=1), 3)
    return covered


def _shared(boxes: Pixels, others: Pixels) -> Pixels:
    """Return the pixels that each box shares with each of the others."""
    low = np.maximum(boxes[:, np.newaxis, :2], others[np.newaxis, :, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], others[np.newaxis, :, 2:])
    shared: Pixels = np.maximum(high - low, 0.0).prod(axis=2)
    return shared
