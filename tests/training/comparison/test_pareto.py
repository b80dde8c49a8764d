"""The plot shows every model where it belongs, joins the best, and keeps names apart."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("matplotlib", reason="needs matplotlib: pip install 'linewarden[train]'")

from training.comparison.fronts import FrontPoint, SlimFront
from training.comparison.pareto import draw_pareto, pareto_figure
from training.pictures import decode_picture


def make_front(network, places, best=None):
    """Return a front with a point at each (ms, accuracy); all are the best if not said."""
    points = tuple(
        FrontPoint(
            name=f"{network[:2]}-{place}",
            network=network,
            step="pruned",
            size=64,
            macs=1,
            model_bytes=1,
            p50_ms=p50_ms,
            accuracy=accuracy,
            accuracy_interval=(accuracy - 0.01, min(1.0, accuracy + 0.005)),
            escapes=0,
        )
        for place, (p50_ms, accuracy) in enumerate(places)
    )
    names = tuple(point.name for point in points)
    return SlimFront(
        machine={"cpu": "a processor"},
        threads=1,
        points=points,
        best=names if best is None else tuple(names[place] for place in best),
    )


SPREAD = ((2.0, 0.99), (0.5, 0.9), (3.0, 0.94), (1.0, 0.95))
CROWD = [(1.0 + 0.02 * place, 0.95 + 0.0002 * place) for place in range(6)] + [(4.0, 0.95)]
ONE = make_front("mobilenet_v2", SPREAD, best=(3, 0, 1))


def markers(axes):
    """Return place and filling of each marker that stands for a model."""
    single = [line for line in axes.lines if len(line.get_xdata()) == 1]
    return {
        (line.get_xdata()[0], line.get_ydata()[0]): line.get_markerfacecolor() != "white"
        for line in single
    }


def test_each_model_stands_at_its_time_and_accuracy_and_beaten_ones_are_hollow():
    """Three are filled, the third is not."""
    (axes,) = pareto_figure([ONE]).axes
    assert markers(axes) == dict(zip(SPREAD, (True, True, False, True), strict=True))
    assert axes.get_xscale() == "log"
    assert "a processor, 1 thread" in axes.get_xlabel()


def test_the_line_joins_the_best_from_fast_to_slow():
    """In the order of time, whatever the order in the file."""
    (axes,) = pareto_figure([ONE]).axes
    (line,) = [one for one in axes.lines if len(one.get_xdata()) > 1]
    np.testing.assert_array_equal(line.get_xdata(), [0.5, 1.0, 2.0])
    np.testing.assert_array_equal(line.get_ydata(), [0.9, 0.95, 0.99])


def test_each_interval_is_a_bar_at_its_model():
    """From the lower to the upper bound."""
    (axes,) = pareto_figure([ONE]).axes
    bars = {
        (segment[0][0], round(segment[0][1], 3), round(segment[1][1], 3))
        for bar in axes.collections
        for segment in bar.get_segments()
    }
    assert (0.5, 0.89, 0.905) in bars
    assert (2.0, 0.98, 0.995) in bars
    assert len(bars) == 4


def test_networks_have_their_own_marks_and_all_are_in_the_legend():
    """Two fronts have a line each; nothing is said of hollow marks where there are none."""
    fronts = [make_front("cnn", SPREAD[:2]), make_front("efficientnet_b0", SPREAD[2:])]
    figure = pareto_figure(fronts)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        *("best for its time, CNN", "best for its time, EfficientNetB0"),
        *("CNN", "EfficientNetB0"),
    ]
    hollow = [text.get_text() for text in pareto_figure([ONE]).legends[0].get_texts()]
    assert hollow == [
        "best for its time",
        "MobileNetV2",
        "hollow: another one is faster and as good",
    ]
    singles = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert len({(line.get_marker(), line.get_color()) for line in singles}) == 2


@settings(max_examples=6, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.3, 20.0), st.floats(0.9, 0.99)), min_size=1, max_size=7),
)
@example(CROWD)
def test_names_never_cover_one_another(places):
    """Each model has its name once, inside the axes."""
    front = make_front("cnn", places)
    figure = pareto_figure([front])
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert sorted(text.get_text() for text in axes.texts) == sorted(p.name for p in front.points)
    boxes = [super(type(text), text).get_window_extent() for text in axes.texts]
    room = axes.bbox.padded(1)
    for place, box in enumerate(boxes):
        assert room.x0 <= box.x0
        assert box.x1 <= room.x1
        assert not any(shares_pixels(box, other) for other in boxes[:place])


def shares_pixels(one, other):
    """Return whether two boxes overlap by more than the rounding of a pixel."""
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return wide > 1.5 and high > 1.5


@pytest.mark.parametrize("places", [((2.0, 1.0),), SPREAD], ids=["one", "four"])
def test_the_plot_is_a_picture_with_something_on_it(places):
    """A single model makes one too, and twice the same."""
    png = draw_pareto([make_front("resnet", places)])
    frame = decode_picture(png)
    assert min(frame.shape[:2]) > 300
    assert np.asarray(frame).mean(axis=2).std() > 5
    assert draw_pareto([make_front("resnet", places)]) == png
