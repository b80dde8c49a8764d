"""How all charts look: colours that also differ in grey, light grids, one way to PNG."""

from __future__ import annotations

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

# Three of Okabe and Ito's colours; printed in grey they are dark, light and middle.
DARK, LIGHT, MIDDLE = "#0072B2", "#E69F00", "#009E73"
DPI = 120


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure that keeps its labels apart."""
    return Figure(figsize=(width_in, height_in), layout="constrained")


def percent_axes(axes: Axes, *, x: bool = True, y: bool = True) -> None:
    """Write shares as per cent."""
    if x:
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    if y:
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=None))


def render_png(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI)
    return stream.getvalue()
