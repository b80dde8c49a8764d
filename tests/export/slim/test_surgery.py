"""What the surgery promises: a smaller network that computes what the masked one computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slim_networks import (
    SPEC,
    build_branched,
    build_narrow,
    draw_keep,
    draw_pictures,
    run_network,
    shake_for,
    shake_weights,
)

from export.channels.layout import Segment, gather_group, kept_places
from export.convert import to_float_tflite
from export.errors import SlimError
from export.operators import check_quantized
from export.quantize import to_int8
from export.runtime import FlatbufferModel
from export.slim.surgery import keep_channels, mask_channels, widths_of, with_input
from training.comparison.cost import count_macs
from training.networks.catalogue import build_network
from training.precision import use_precision

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

keras = pytest.importorskip("keras")

FAMILIES = ("branched", "cnn", "mobilenet_v2", "efficientnet_b0")
# Of the largest logit: float32 rounds in each of some fifty layers, float64 shows what is exact.
NEAR, EXACT = 1e-5, 1e-10


@pytest.fixture(scope="module")
def networks():
    """Return a small network of each family with shaken weights."""
    built = {name: build_narrow(name) for name in FAMILIES[1:]} | {"branched": build_branched()}
    for seed, model in enumerate(built.values()):
        shake_weights(model, seed)
    return built


@pytest.fixture(scope="module")
def precise_networks():
    """Return the same networks in float64, in which rounding hides no mistake."""
    with use_precision("float64"):
        return {name: build_narrow(name) for name in FAMILIES[1:]} | {"branched": build_branched()}


def assert_proven(model, keep, seed, near):
    """Compare the smaller network with the masked one on drawn pictures."""
    pictures = draw_pictures(model, seed)
    masked = run_network(mask_channels(model, keep), pictures)
    scale = np.abs(masked).max()
    # Else nothing would be compared: logits that no picture changes, a mask that hides nothing.
    assert np.ptp(masked, axis=0).max() > 1e-2 * scale
    assert np.abs(masked - run_network(model, pictures)).max() > 1e-2 * scale
    smaller = keep_channels(model, keep)
    assert np.abs(run_network(smaller, pictures) - masked).max() <= near * scale
    assert widths_of(smaller) == widths_of(model) | {name: len(at) for name, at in keep.items()}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", FAMILIES)
def test_the_smaller_network_computes_what_the_masked_one_computes(precise_networks, name, seed):
    """Whatever channels go, in all groups at once."""
    model = precise_networks[name]
    keep = draw_keep(model, seed)
    shake_for(model, keep, seed)
    assert_proven(model, keep, seed, EXACT)


@pytest.mark.parametrize(("name", "count"), [("left", 1), ("left", 3), ("first", 2), ("hidden", 3)])
def test_one_group_alone_can_be_narrowed(networks, name, count):
    """A group that is not named stays whole; a single channel may be left."""
    model = networks["branched"]
    assert_proven(model, {name: draw_keep(model, 5)[name][-count:]}, 5, NEAR)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0"])
def test_the_full_networks_pass_the_same_proof(name):
    """At their own widths and depths, half of each group gone."""
    keras.utils.set_random_seed(1)
    with use_precision("float64"):
        model = build_network(name, SPEC, 2, None)
    random = np.random.default_rng(7)
    keep = {
        group: np.sort(random.choice(width, (width + 1) // 2, replace=False))
        for group, width in widths_of(model).items()
    }
    shake_for(model, keep, 7)
    assert_proven(model, keep, 7, EXACT)


@pytest.mark.parametrize("name", ["branched", "efficientnet_b0"])
def test_keeping_everything_changes_nothing(networks, name):
    """All channels by name, or no group at all: the network is the one that came in."""
    model = networks[name]
    everything = {group: np.arange(width) for group, width in widths_of(model).items()}
    for keep in (everything, {}):
        for made in (keep_channels(model, keep), mask_channels(model, keep)):
            for one, other in zip(made.weights, model.weights, strict=True):
                np.testing.assert_array_equal(one.numpy(), other.numpy())
            assert [one.name for one in made.layers] == [one.name for one in model.layers]
            assert made.output_names == model.output_names
            assert made.name == model.name


def test_work_and_parameters_go_down_as_counted_by_hand(networks):
    """From 8, 6 and 10 channels to 5, 4 and 7, on 16 x 16 pixels."""
    model = networks["branched"]
    keep = {"first": np.arange(5), "left": np.array([0, 2, 3, 5]), "hidden": np.arange(3, 10)}
    smaller = keep_channels(model, keep)
    # Places times kernel; the dense layer reads 4 x 4 places of left, first and left once more.
    assert count_macs(smaller).macs == (
        256 * 9 * 3 * 5  # first
        + 64 * 9 * 5 * 4  # left
        + 16 * 9 * 4  # left_deep
        + 16 * 5 * 4  # right
        + 16 * (4 + 5 + 4) * 7  # hidden
        + 7 * 2  # logits
    )
    assert smaller.count_params() == (
        (9 * 3 * 5 + 5)
        + 9 * 5 * 4
        + 4 * 4  # left_norm
        + (9 * 4 + 4)
        + (5 * 4 + 4)
        + 3 * (4 + 5 + 4)  # features_norm, which has no gamma
        + (16 * 13 * 7 + 7)
        + (7 * 2 + 2)
    )
    assert count_macs(smaller).macs < count_macs(model).macs


def test_the_same_channels_give_the_same_network(networks):
    """Whatever was drawn before, and the model that came in is as it was."""
    model = networks["branched"]
    before = [weight.numpy() for weight in model.weights]
    keep = draw_keep(model, 3)
    made = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        made.append([one.numpy() for one in keep_channels(model, keep).variables])
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(one, other.numpy())


def test_precisions_and_frozen_layers_stay():
    """A network in the middle of its training goes on as it was set up."""
    with use_precision("bfloat16"):
        model = build_branched()
    for name in ("first", "left_norm", "hidden"):
        model.get_layer(name).trainable = False
    smaller = keep_channels(model, {"left": np.arange(2)})
    assert [one.dtype for one in smaller.inputs] == [one.dtype for one in model.inputs]
    for layer in model.layers[1:]:
        made = smaller.get_layer(layer.name)
        assert made.trainable == layer.trainable, layer.name
        assert made.dtype_policy.name == layer.dtype_policy.name, layer.name
    assert not smaller.get_layer("first").trainable
    assert len(smaller.trainable_variables) == len(model.trainable_variables)


def test_a_pruned_network_becomes_an_int8_model_that_runs(networks, tmp_path):
    """The real interpreter computes what Keras computes, as near as eight bits are."""
    model = networks["cnn"]
    keep = {name: np.arange(0, width, 2) for name, width in widths_of(model).items()}
    smaller, log = keep_channels(model, keep), tmp_path / "log"
    pictures = draw_pictures(smaller, 1, count=16).astype(np.uint8)
    pictures[0, 0, 0], pictures[0, 0, 1] = 0, 255
    wanted = run_network(smaller, pictures.astype(np.float32))
    exact = FlatbufferModel(to_float_tflite(smaller, SPEC, log))
    scale = np.abs(wanted).max()
    np.testing.assert_allclose([exact.logits(one) for one in pictures], wanted, atol=1e-4 * scale)
    quantized = to_int8(smaller, list(pictures), SPEC, log)
    check_quantized(quantized, SPEC, 2)
    logits = [FlatbufferModel(quantized).logits(one) for one in pictures]
    assert np.corrcoef(np.ravel(logits), wanted.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("size", [96, 50])
def test_another_picture_size_takes_the_same_weights(networks, size):
    """As if it had been built for that size: on odd sizes Keras's networks pad otherwise."""
    model = networks["mobilenet_v2"]
    resized = with_input(model, size, size)
    assert resized.input_shape == (None, size, size, 1)
    fresh = build_narrow("mobilenet_v2", SPEC.model_copy(update={"height": size, "width": size}))
    fresh.set_weights(model.get_weights())
    pictures = draw_pictures(resized, 1)
    np.testing.assert_array_equal(run_network(resized, pictures), run_network(fresh, pictures))


def test_the_way_back_to_the_first_size_is_exact(networks):
    """From odd sizes too, paddings follow the size of the picture."""
    model = networks["efficientnet_b0"]
    back = with_input(with_input(model, 50, 70), 64, 64)
    pictures = draw_pictures(model, 2)
    np.testing.assert_array_equal(run_network(back, pictures), run_network(model, pictures))


def test_weights_that_are_tied_to_places_are_refused(networks):
    """A dense layer behind a flattening fits one size."""
    with pytest.raises(SlimError, match=r"branched cannot take pictures of 32 x 32: .*hidden"):
        with_input(networks["branched"], 32, 32)


def test_a_size_on_which_no_place_is_left_is_refused(networks):
    """The pooling of the last blocks would have nothing to pool."""
    with pytest.raises(SlimError, match="cnn cannot take pictures of 8 x 8"):
        with_input(networks["cnn"], 8, 8)


@pytest.mark.parametrize(
    ("keep", "reason"),
    [
        ({"logits": np.arange(1)}, "no group of channels 'logits'"),
        ({"left": np.zeros(0, np.int64)}, "some must stay"),
        ({"left": np.ones(6, bool)}, "list of indices"),
        ({"left": np.array([0, 6])}, "from 0 to 5"),
        ({"left": np.array([-1, 2])}, "from 0 to 5"),
        ({"left": np.array([2, 1])}, "in order"),
        ({"left": np.array([1, 1])}, "in order"),
    ],
)
@pytest.mark.parametrize("act", [keep_channels, mask_channels])
def test_channels_that_the_network_does_not_have_are_refused(networks, act, keep, reason):
    """A list for another network is no list for this one."""
    with pytest.raises(SlimError, match=reason):
        act(networks["branched"], keep)


@given(
    names=st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=6),
    kept=st.sets(st.integers(0, 3), min_size=1),
)
def test_kept_places_are_those_whose_channel_stays(names, kept):
    """Copy by copy, as if each channel of the axis were looked up by itself."""
    layout = tuple(Segment(name, 4) for name in names)
    channels = [(name, index) for name in names for index in range(4)]
    keep = {"a": np.array(sorted(kept))}
    wanted = [at for at, (name, index) in enumerate(channels) if name != "a" or index in kept]
    assert kept_places(layout, keep).tolist() == wanted
    values = np.arange(len(channels), dtype=np.float64)
    summed = [
        sum(at for at, channel in enumerate(channels) if channel == ("a", index))
        for index in range(4)
    ]
    assert gather_group(layout, values, "a", 4).tolist() == summed
