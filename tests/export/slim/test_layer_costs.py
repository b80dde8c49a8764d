"""Layer costs follow the work, believe clear measurements, and add up to the whole time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.channels.groups import ChannelGroup
from export.errors import SlimError
from export.slim.layer_costs import (
    REST,
    LayerWork,
    Reading,
    costs_by_work,
    list_work,
    predicted_ms,
    rate_layers,
    rebase,
)

WIDTHS = {"a": 32, "b": 64}
LAYERS = (
    LayerWork(name="first", groups=("a",), work=200.0),
    LayerWork(name="second", groups=("b", "a"), work=600.0),
    LayerWork(name="logits", groups=("b",), work=100.0),
    LayerWork(name=REST, groups=(), work=100.0),
)
COSTS = costs_by_work(LAYERS, WIDTHS, 10.0, {"cpu": "a processor"})
PARTS = st.fixed_dictionaries({name: st.integers(1, width) for name, width in WIDTHS.items()})
TIMES = st.floats(0.5, 20.0)


def read_group(group, slimmer_ms, before_ms=10.0, after_ms=10.0):
    """Return the reading of a group at half of its width."""
    return Reading(
        group=group,
        kept=WIDTHS[group] // 2,
        before_ms=before_ms,
        slimmer_ms=slimmer_ms,
        after_ms=after_ms,
    )


def rate(*readings):
    """Return the costs that these readings tell."""
    return rate_layers(LAYERS, WIDTHS, readings, {})


def make_layer(kind, name, shape, kernel=None):
    """Return a stand-in for a Keras layer with its output's shape and, if any, its kernel."""
    made = type(kind, (SimpleNamespace,), {})(
        name=name, output=SimpleNamespace(shape=shape), data_format="channels_last", weights=[]
    )
    if kernel is not None:
        made.kernel = SimpleNamespace(shape=kernel)
        made.weights = [made.kernel]
    return made


def test_by_work_each_layer_has_its_share_of_the_whole_time():
    """Six tenths of the work are six tenths of the time, and no difference is trusted."""
    assert [layer.ms for layer in COSTS.layers] == pytest.approx([2.0, 6.0, 1.0, 1.0])
    assert predicted_ms(COSTS, {}) == pytest.approx(COSTS.base_ms)
    assert COSTS.noise_ms == COSTS.base_ms
    assert COSTS.machine == {"cpu": "a processor"}


def test_a_layer_between_two_halves_takes_a_quarter():
    """The first layer takes half, the second a quarter, the logits half, the rest all."""
    assert predicted_ms(COSTS, {"a": 16, "b": 32}) == pytest.approx(1.0 + 1.5 + 0.5 + 1.0)


@given(PARTS, st.sampled_from(sorted(WIDTHS)))
def test_fewer_channels_take_less_time(widths, group):
    """The prediction falls with every channel, and never below what no group changes."""
    fewer = {**widths, group: widths[group] - 1}
    assert 1.0 <= predicted_ms(COSTS, fewer) < predicted_ms(COSTS, widths) <= 10.0 + 1e-9


def test_a_group_that_was_not_measured_is_refused():
    """The message names it."""
    with pytest.raises(SlimError, match="no group c: measure this network anew"):
        predicted_ms(COSTS, {"a": 8, "c": 8})


@pytest.mark.parametrize("group", sorted(WIDTHS))
def test_the_first_channel_saves_what_the_prediction_says(group):
    """One channel less is that much less time."""
    fewer = predicted_ms(COSTS, {group: WIDTHS[group] - 1})
    assert COSTS.saved_per_channel()[group] == pytest.approx(COSTS.base_ms - fewer)


@given(PARTS, TIMES)
def test_rebased_costs_predict_what_was_measured(widths, measured_ms):
    """At those widths exactly; all other times keep their ratio to it."""
    rebased = rebase(COSTS, widths, measured_ms)
    factor = measured_ms / predicted_ms(COSTS, widths)
    assert predicted_ms(rebased, widths) == pytest.approx(measured_ms)
    assert rebased.base_ms == pytest.approx(COSTS.base_ms * factor)
    assert predicted_ms(rebased, {"a": 8}) == pytest.approx(factor * predicted_ms(COSTS, {"a": 8}))
    assert rebased.noise_ms == pytest.approx(COSTS.noise_ms * factor)


@pytest.mark.parametrize("slimmer_ms", [5.6, 6.0, 7.5])
def test_a_clear_saving_is_believed(slimmer_ms):
    """By the work half of `a` saves 4 of 10 ms; what was measured counts instead."""
    costs = rate(read_group("a", slimmer_ms), read_group("b", 6.5))
    assert predicted_ms(costs, {"a": 16}) == pytest.approx(slimmer_ms, abs=0.1)
    assert predicted_ms(costs, {"b": 32}) == pytest.approx(6.5, abs=0.1)
    assert predicted_ms(costs, {}) == pytest.approx(10.0)


def test_a_saving_that_drowns_in_noise_keeps_what_the_work_tells():
    """The whole model took 5 and 15 ms beside it: nothing is known of a difference of 2 ms."""
    costs = rate(read_group("a", 8.0, 5.0, 15.0), read_group("b", 8.0, 5.0, 15.0))
    assert costs.noise_ms == pytest.approx(10.0 * (2 / 3) / 0.6745)
    assert predicted_ms(costs, {"a": 16}) == pytest.approx(6.0, abs=0.3)


def test_noise_has_a_floor():
    """Two runs that agree by chance do not make a measurement exact."""
    assert rate(read_group("a", 8.0)).noise_ms == pytest.approx(0.03)


def test_a_busier_machine_does_not_look_like_a_saving():
    """Each reading is set beside the whole model's time just before and after it."""
    costs = rate(
        read_group("a", 12.0, 20.0, 20.0),
        read_group("b", 6.5),
        read_group("a", 6.0),
    )
    assert costs.base_ms == pytest.approx(10.0)
    assert predicted_ms(costs, {"a": 16}) == pytest.approx(6.0, abs=0.05)


@given(st.lists(st.builds(read_group, st.sampled_from("ab"), TIMES, TIMES, TIMES), min_size=1))
def test_no_layer_gives_time_back_whatever_was_measured(readings):
    """All times are at least zero, and together they are the whole time."""
    costs = rate(*readings)
    assert all(layer.ms >= 0.0 for layer in costs.layers)
    assert sum(layer.ms for layer in costs.layers) == pytest.approx(costs.base_ms)
    assert costs == rate(*readings)


def test_what_was_read_on_a_busy_machine_does_not_count():
    """Three times the time of the others: the group is rated by its work, the others as before."""
    calm = rate(read_group("b", 7.0))
    mixed = rate(read_group("b", 7.0), read_group("a", 29.5, before_ms=30.0, after_ms=31.0))
    assert mixed == calm


def test_without_readings_there_are_no_costs():
    """A network without groups that can be narrower cannot be rated."""
    with pytest.raises(SlimError, match="no channel group"):
        rate()


def test_work_is_counted_from_convolutions_and_values_written():
    """A 3x3 convolution on 4x4 places, 2 to 8 channels; its norm vanishes when converted."""
    groups = (ChannelGroup("conv", 8, ("conv",), ("norm",), ("logits",)),)
    layers = (
        make_layer("Conv2D", "conv", (None, 4, 4, 8), (3, 3, 2, 8)),
        make_layer("BatchNormalization", "norm", (None, 4, 4, 8)),
        make_layer("Dropout", "dropout", (None, 8)),
        make_layer("Dense", "logits", (None, 2), (8, 2)),
    )
    first, last, rest = list_work(SimpleNamespace(layers=layers), groups)
    assert first == LayerWork(name="conv", groups=("conv",), work=16 * 144 + 16 * 128)
    assert last == LayerWork(name="logits", groups=("conv",), work=16 + 16 * 2)
    assert (rest.name, rest.groups) == (REST, ())
    assert rest.work == pytest.approx(0.05 * (first.work + last.work))


def test_a_layer_that_reads_two_groups_side_by_side_is_divided_between_them():
    """As each one's width; either part shrinks with what the layer makes."""
    groups = (
        ChannelGroup("left", 6, (), (), ("joined",)),
        ChannelGroup("right", 2, (), (), ("joined",)),
        ChannelGroup("joined", 4, ("joined",), (), ()),
    )
    layer = make_layer("Conv2D", "joined", (None, 2, 2, 4), (1, 1, 8, 4))
    left, right, _ = list_work(SimpleNamespace(layers=(layer,)), groups)
    assert (left.groups, right.groups) == (("joined", "left"), ("joined", "right"))
    assert left.work == pytest.approx(3 * right.work)
    assert left.work + right.work == pytest.approx(4 * 32 + 16 * 16)
