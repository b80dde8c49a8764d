"""What the two measures of a channel's worth promise."""

from __future__ import annotations

import numpy as np
import pytest
from slim_networks import build_branched, build_narrow, draw_pictures, shake_weights

from export.errors import SlimError
from export.slim.importance import norm_importance, taylor_importance
from export.slim.surgery import widths_of
from training.precision import use_precision

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

keras = pytest.importorskip("keras")


def draw_batch(model, seed):
    """Draw four pictures with truths and weights."""
    random = np.random.default_rng(seed)
    truths = np.eye(2, dtype=np.float32)[random.integers(0, 2, 4)]
    return draw_pictures(model, seed), truths, random.uniform(0.5, 2.0, 4).astype(np.float32)


@pytest.fixture
def branched():
    """Return the network with branches, shaken; its groups have norms, kernels or both."""
    model = build_branched()
    shake_weights(model, 1)
    return model


def loss_with_gate(model, batch, gates):
    """Return the loss with some channels of some layers' weights multiplied by a gate."""
    pictures, truths, weights = batch
    saved = model.get_weights()
    for layer, names, channel, gate in gates:
        for name in names:
            variable = getattr(model.get_layer(layer), name)
            value = variable.numpy()
            value[..., channel] *= gate
            variable.assign(value)
    logits = np.asarray(model(pictures, training=False).numpy(), np.float64)
    model.set_weights(saved)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return float(-(truths * logs).sum(axis=1) @ weights) / len(weights)


@pytest.mark.parametrize(
    ("group", "channel", "gated"),
    [
        ("left", 2, [("left_norm", ("gamma", "beta"), 2)]),
        ("first", 5, [("first", ("kernel", "bias"), 5)]),
        ("hidden", 7, [("hidden", ("kernel", "bias"), 7)]),
    ],
)
def test_taylor_is_the_slope_of_the_loss_along_a_gate(group, channel, gated):
    """The same number comes out of two losses with the gate a little more and less open."""
    with use_precision("float64"):
        model = build_branched()
    shake_weights(model, 1)
    batch, step = draw_batch(model, 3), 1e-5
    higher, lower = (
        loss_with_gate(model, batch, [(*one, gate) for one in gated])
        for gate in (1 + step, 1 - step)
    )
    slope = (higher - lower) / (2 * step)
    assert abs(slope) > 1e-4
    found = taylor_importance(model, [batch])[group][channel]
    assert found == pytest.approx(slope**2, rel=1e-5)


@pytest.mark.parametrize("name", ["cnn", "mobilenet_v2", "efficientnet_b0"])
def test_each_group_has_a_value_for_each_channel(name):
    """None is negative, none is no number, and they differ."""
    model = build_narrow(name)
    shake_weights(model, 2)
    for found in (taylor_importance(model, [draw_batch(model, 1)]), norm_importance(model)):
        assert {group: len(values) for group, values in found.items()} == widths_of(model)
        for group, values in found.items():
            assert np.isfinite(values).all(), group
            assert (values >= 0).all(), group
            assert np.ptp(values) > 0, group


def test_a_channel_that_does_nothing_is_worth_the_least():
    """Without gamma and beta it gives zero, whatever comes in."""
    model = build_narrow("efficientnet_b0")
    shake_weights(model, 4)
    for name in ("block3a_expand_bn", "block3a_bn"):
        for weight in (model.get_layer(name).gamma, model.get_layer(name).beta):
            value = weight.numpy()
            value[11] = 0.0
            weight.assign(value)
    for found in (taylor_importance(model, [draw_batch(model, 1)]), norm_importance(model)):
        values = found["block3a_expand_conv"]
        assert values[11] == 0.0
        assert (np.delete(values, 11) > 0.0).all()


def test_frozen_layers_are_judged_like_all_others(branched):
    """A norm that is not to be trained has a worth too."""
    batches = [draw_batch(branched, 1)]
    before = taylor_importance(branched, batches)
    branched.trainable = False
    for group, values in taylor_importance(branched, batches).items():
        np.testing.assert_array_equal(values, before[group])
        assert (values > 0).any()


def test_judging_changes_nothing_and_draws_nothing(branched):
    """Norms keep their averages, dropout lets everything pass, twice gives the same."""
    before = [one.numpy() for one in branched.variables]
    first, second = (taylor_importance(branched, [draw_batch(branched, 1)]) for _ in range(2))
    for one, other in zip(before, branched.variables, strict=True):
        np.testing.assert_array_equal(one, other.numpy())
    for group, values in first.items():
        np.testing.assert_array_equal(values, second[group])


def test_batches_count_alike(branched):
    """The worth is the mean of the squares, so that opposite slopes do not cancel out."""
    batches = [draw_batch(branched, seed) for seed in (1, 2)]
    together = taylor_importance(branched, iter(batches))
    alone = [taylor_importance(branched, [batch]) for batch in batches]
    for group, values in together.items():
        np.testing.assert_allclose(values, (alone[0][group] + alone[1][group]) / 2, rtol=1e-4)


def test_weights_and_smoothing_are_those_of_the_loss(branched):
    """A picture without weight says nothing; smoothed truths are other truths."""
    pictures, truths, weights = draw_batch(branched, 1)
    weights[0] = 0.0
    found = taylor_importance(branched, [(pictures, truths, weights)])
    other = pictures.copy()
    other[0] = 255 - other[0]
    np.testing.assert_allclose(
        taylor_importance(branched, [(other, truths, weights)])["left"], found["left"], rtol=1e-3
    )
    smoothed = taylor_importance(branched, [(pictures, truths, weights)], label_smoothing=0.2)
    assert not np.allclose(smoothed["left"], found["left"], rtol=1e-2)


def test_no_pictures_are_refused(branched):
    """Without data there is no slope."""
    with pytest.raises(SlimError, match="no pictures"):
        taylor_importance(branched, [])


def test_the_norms_gamma_is_the_worth_without_data(branched):
    """A group without gamma is judged by its kernels, over all places that they read."""
    found = norm_importance(branched)
    gamma = branched.get_layer("left_norm").gamma.numpy()
    np.testing.assert_allclose(found["left"], np.abs(gamma), rtol=1e-6)
    kernel = branched.get_layer("first").kernel.numpy()
    np.testing.assert_allclose(
        found["first"], [np.linalg.norm(kernel[..., at]) for at in range(8)], rtol=1e-6
    )


def test_a_few_batches_are_rated_the_same_without_a_graph(branched):
    """Only how it is computed differs."""
    batches = [draw_batch(branched, seed) for seed in (1, 2)]
    wanted = taylor_importance(branched, batches)
    few = taylor_importance(branched, batches, few=True)
    for group, values in wanted.items():
        np.testing.assert_allclose(few[group], values, rtol=1e-4, atol=1e-9)
