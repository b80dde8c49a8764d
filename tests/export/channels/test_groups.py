"""What the search for groups of channels promises."""

from __future__ import annotations

import pytest
from slim_networks import build_branched, build_narrow

from export.channels.groups import ChannelGroup, find_groups
from export.errors import SlimError

pytestmark = pytest.mark.train

keras = pytest.importorskip("keras")
layers = keras.layers


def by_name(model) -> dict[str, ChannelGroup]:
    """Return the groups of a network by their names."""
    return {group.name: group for group in find_groups(model)}


def gated(activation: str, *, scaling: bool):
    """Build a network in which an activation stands between two convolutions, or scales them."""
    pictures = keras.Input((8, 8, 1))
    first = layers.Conv2D(4, 3, name="first")(pictures)
    flow = layers.Conv2D(4, 1, activation=activation, name="gate")(first)
    if scaling:
        flow = layers.Multiply()([first, flow])
    flow = layers.GlobalAveragePooling2D()(layers.Conv2D(3, 1, name="last")(flow))
    return keras.Model(pictures, layers.Dense(2)(flow), name="gated")


@pytest.fixture(scope="module")
def mobile() -> dict[str, ChannelGroup]:
    """Return the groups of a narrow MobileNetV2."""
    return by_name(build_narrow("mobilenet_v2"))


@pytest.fixture(scope="module")
def efficient() -> dict[str, ChannelGroup]:
    """Return the groups of a small EfficientNet."""
    return by_name(build_narrow("efficientnet_b0"))


def test_an_expansion_reaches_from_its_convolution_to_the_projection(mobile):
    """Both norms and the depthwise convolution carry it; the projection alone reads it."""
    assert mobile["block_7_expand"] == ChannelGroup(
        "block_7_expand",
        144,
        producers=("block_7_expand",),
        followers=("block_7_expand_BN", "block_7_depthwise", "block_7_depthwise_BN"),
        consumers=("block_7_project",),
    )


def test_blocks_that_are_added_share_one_group(mobile):
    """A channel of a residual path goes in every block that adds to it."""
    assert mobile["block_3_project"] == ChannelGroup(
        "block_3_project",
        16,
        producers=tuple(f"block_{number}_project" for number in (3, 4, 5)),
        followers=tuple(f"block_{number}_project_BN" for number in (3, 4, 5)),
        consumers=tuple(f"block_{number}_expand" for number in (4, 5, 6)),
    )


def test_stem_and_head_are_groups_and_the_logits_are_not(mobile):
    """What comes in and what goes out stay whole."""
    assert mobile["Conv1"].followers == (
        "bn_Conv1",
        "expanded_conv_depthwise",
        "expanded_conv_depthwise_BN",
    )
    assert mobile["Conv_1"] == ChannelGroup(
        "Conv_1", 1280, ("Conv_1",), ("Conv_1_bn",), ("head_logits",)
    )
    assert not any("head_logits" in group.producers for group in mobile.values())
    # The stem, its projection, sixteen expansions, six residual paths, the head.
    assert len(mobile) == 25


def test_the_reduced_width_of_a_gate_is_a_group(efficient):
    """Squeeze-and-excite squeezes as much as it needs."""
    assert efficient["block2a_se_reduce"] == ChannelGroup(
        "block2a_se_reduce", 2, ("block2a_se_reduce",), (), ("block2a_se_expand",)
    )


def test_a_gate_belongs_to_what_it_scales(efficient):
    """The expanded width of a gate goes with the channels that it multiplies."""
    group = efficient["block2a_expand_conv"]
    assert group.producers == ("block2a_expand_conv", "block2a_se_expand")
    assert group.followers == ("block2a_expand_bn", "block2a_dwconv", "block2a_bn")
    assert group.consumers == ("block2a_se_reduce", "block2a_project_conv")


def test_two_poolings_of_the_same_channels_are_one_group():
    """The head of the CNN reads each channel twice."""
    group = by_name(build_narrow("cnn"))["block_4_conv"]
    assert (group.width, group.consumers) == (192, ("head_dense_1",))


def test_sums_concatenations_and_flattenings_are_followed():
    """A norm on a concatenation carries both groups; the dense layer reads them all."""
    groups = by_name(build_branched())
    assert groups == {
        "first": ChannelGroup(
            "first", 8, ("first",), ("features_norm",), ("left", "right", "hidden")
        ),
        "left": ChannelGroup(
            "left",
            6,
            ("left", "right"),
            ("left_norm", "left_deep", "features_norm"),
            ("hidden",),
        ),
        "hidden": ChannelGroup("hidden", 10, ("hidden",), (), ("logits",)),
    }


@pytest.mark.parametrize(
    ("activation", "scaling", "names"),
    [
        ("sigmoid", True, {"first", "last"}),
        ("sigmoid", False, {"first", "last"}),
        ("tanh", False, {"first", "gate", "last"}),
        ("softmax", False, {"first", "last"}),
        ("softmax", True, {"last"}),
    ],
)
def test_channels_that_would_not_read_as_zero_stay(activation, scaling, names):
    """A sigmoid turns zero into one half, and a softmax depends on every channel."""
    assert set(by_name(gated(activation, scaling=scaling))) == names


def test_sums_of_channels_that_do_not_match_stay_whole():
    """Half of a group could not go by itself."""
    pictures = keras.Input((8, 8, 1))
    halves = [layers.Conv2D(4, 1, name=name)(pictures) for name in ("upper", "lower")]
    whole = layers.Conv2D(8, 1, name="whole")(pictures)
    flow = layers.Add()([layers.Concatenate()(halves), whole])
    flow = layers.Conv2D(5, 1, name="last")(flow)
    model = keras.Model(pictures, layers.Dense(2)(layers.GlobalAveragePooling2D()(flow)))
    assert set(by_name(model)) == {"last"}


def test_a_sum_with_a_single_channel_stays_whole():
    """That channel is added to all others, those that go among them."""
    pictures = keras.Input((8, 8, 1))
    flows = [layers.Conv2D(width, 1, name=f"wide_{width}")(pictures) for width in (6, 1)]
    flow = layers.Conv2D(5, 1, name="last")(layers.Add()(flows))
    model = keras.Model(pictures, layers.Dense(2)(layers.GlobalAveragePooling2D()(flow)))
    assert set(by_name(model)) == {"last"}


def test_a_reshape_that_splits_channels_keeps_them():
    """What lies in another axis afterwards is not a channel any more."""
    pictures = keras.Input((8, 8, 1))
    flow = layers.Reshape((8, 8, 3, 2))(layers.Conv2D(6, 1, name="split")(pictures))
    flow = layers.Dense(4, name="last")(layers.Flatten()(flow))
    assert set(by_name(keras.Model(pictures, layers.Dense(2)(flow)))) == {"last"}


def test_the_mlp_mixer_is_refused_in_words():
    """Its norms compute over the channels, so that none can go without the others' change."""
    with pytest.raises(SlimError, match=r"mlp_mixer: the layer \w+ is a LayerNormalization"):
        find_groups(build_narrow("mlp_mixer"))


def used_twice():
    """Build a network that goes through one layer twice."""
    pictures = keras.Input((8, 8, 2))
    layer = layers.Conv2D(2, 1, name="again")
    return keras.Model(pictures, layer(layer(pictures)), name="odd")


def nested():
    """Build a network inside a network."""
    pictures = keras.Input((8, 8, 2))
    inner = keras.Model(pictures, layers.Conv2D(2, 1)(pictures), name="inner")
    outer = keras.Input((8, 8, 2))
    return keras.Model(outer, inner(outer), name="odd")


def channels_first():
    """Build a network whose channels stand before its places."""
    pictures = keras.Input((2, 8, 8))
    flow = layers.GlobalAveragePooling2D(data_format="channels_first")(pictures)
    return keras.Model(pictures, flow, name="odd")


def not_functional():
    """Build a network that is a list of layers."""
    return keras.Sequential([keras.Input((8, 8, 2)), layers.Conv2D(2, 1)], name="odd")


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (used_twice, "again is used more than once"),
        (nested, r"inner \(Functional\) is not one of Keras's"),
        (channels_first, "channels first"),
        (not_functional, "functional"),
    ],
)
def test_what_cannot_be_followed_is_refused(build, reason):
    """Better no small network than a wrong one."""
    with pytest.raises(SlimError, match=f"cannot prune odd: .*{reason}"):
        find_groups(build())
