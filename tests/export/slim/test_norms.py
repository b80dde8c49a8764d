"""Batch norms are put right at no change of what a network says, and follow what changes then."""

from __future__ import annotations

import numpy as np
import pytest
from slim_networks import build_narrow, draw_pictures, shake_weights

from export.slim.norms import follow_data, rebase_norms
from export.slim.plain import without_swish

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

keras = pytest.importorskip("keras")


@pytest.fixture
def network():
    """Return a small EfficientNetB0 whose norms have averages of nothing that it is shown."""
    network = build_narrow("efficientnet_b0")
    shake_weights(network, 1)
    return network


def test_a_rebased_network_says_what_it_said(network):
    """To the precision of float32, of pictures that set no average as well."""
    shown, others = draw_pictures(network, 2, count=16), draw_pictures(network, 3, count=8)
    wanted = network.predict_on_batch(others)
    before = _averages(network)
    rebase_norms(network, [shown[:8], shown[8:]])
    np.testing.assert_allclose(network.predict_on_batch(others), wanted, rtol=1e-3, atol=1e-3)
    moved = [np.abs(new - old).max() for new, old in zip(_averages(network), before, strict=True)]
    assert min(moved) > 0.0


def test_the_averages_are_those_of_the_pictures(network):
    """So a batch of them is normed as the whole is, and to follow them changes nothing."""
    shown = draw_pictures(network, 2, count=16)
    rebase_norms(network, [shown])
    wanted = network.predict_on_batch(shown)
    follow_data(network, [shown])
    np.testing.assert_allclose(network.predict_on_batch(shown), wanted, rtol=2e-3, atol=2e-3)


def test_norms_that_follow_put_out_what_they_did_before_a_change(network):
    """With ReLU in the place of swish each channel keeps its mean, and its spread but for eps."""
    shown = draw_pictures(network, 2, count=16)
    rebase_norms(network, [shown])
    wanted = _spreads(network, shown)
    plain = without_swish(network)
    lost = _apart(_spreads(plain, shown), wanted)
    follow_data(plain, [shown])
    kept = _apart(_spreads(plain, shown), wanted)
    assert lost[0] > 0.1
    assert lost[1] > 0.1
    assert kept[0] < 1e-3
    assert kept[1] < 0.02


def test_what_was_closed_to_learning_stays_so(network):
    """Norms are opened for the averages alone."""
    for layer in network.layers:
        layer.trainable = False
    follow_data(network, [draw_pictures(network, 2, count=4)])
    assert not network.trainable_variables


def test_a_network_without_norms_or_pictures_stays_as_it_is(network):
    """Nothing is there to put right, or to put it right by."""
    before = [one.numpy() for one in network.weights]
    rebase_norms(network, [])
    for old, new in zip(before, network.weights, strict=True):
        np.testing.assert_array_equal(new.numpy(), old)
    bare = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    rebase_norms(bare, [np.zeros((2, 4), np.float32)])
    follow_data(bare, [np.zeros((2, 4), np.float32)])


def _norms(network):
    return [one for one in network.layers if isinstance(one, keras.layers.BatchNormalization)]


def _averages(network):
    return [np.concatenate([w.numpy() for w in one.weights[2:]]) for one in _norms(network)]


def _spreads(network, pictures):
    """Return mean and deviation of each channel that each norm puts out."""
    probe = keras.Model(network.input, [one.output for one in _norms(network)])
    values = [np.asarray(one) for one in probe.predict_on_batch(pictures)]
    rows = [one.reshape(-1, one.shape[-1]) for one in values]
    return [np.stack([one.mean(axis=0), one.std(axis=0)]) for one in rows]


def _apart(ours, wanted):
    """Return how far the means and the deviations are apart, of the channel in the middle.

    The largest for the means.
    """
    means = max(
        float(np.abs(one[0] - other[0]).max()) for one, other in zip(ours, wanted, strict=True)
    )
    spreads = [
        np.abs(one[1] - other[1]) / (other[1] + 1e-3)
        for one, other in zip(ours, wanted, strict=True)
    ]
    return means, float(np.median(np.concatenate(spreads)))
