"""Equalised channels use the whole scale of their tensor, and the network computes what it did."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

import keras
from slim_networks import build_narrow, draw_pictures, shake_weights

from export.equalise import equalise

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def _loudest(network, layer, pictures):
    probe = keras.Model(network.input, network.get_layer(layer).output)
    values = np.asarray(probe.predict_on_batch(pictures))
    return np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)


@pytest.mark.parametrize("name", ["mobilenet_v2", "efficientnet_b0", "cnn"])
def test_it_computes_what_it_did(name):
    """On the pictures it was measured on, to float rounding; the given network is left alone."""
    network = build_narrow(name)
    shake_weights(network, 1)
    before = [weight.copy() for weight in network.get_weights()]
    pictures = draw_pictures(network, 2)
    even = equalise(network, list(pictures.astype(np.uint8)))
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    shown = pictures.astype(np.uint8).astype(np.float32)
    wanted, got = network.predict_on_batch(shown), even.predict_on_batch(shown)
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3)


def test_the_channels_of_a_residual_stream_are_equally_loud():
    """Those of the first projection, that are read by one convolution, reach the same."""
    network = build_narrow("mobilenet_v2")
    shake_weights(network, 1)
    shown = draw_pictures(network, 2).astype(np.uint8)
    even = equalise(network, list(shown))
    name = "expanded_conv_project_BN"
    uneven = _loudest(network, name, shown.astype(np.float32))
    level = _loudest(even, name, shown.astype(np.float32))
    assert uneven.max() / uneven.min() > 1.5
    np.testing.assert_allclose(level, level.max(), rtol=1e-3)


def test_a_network_that_cannot_be_walked_comes_back_as_it_is():
    """Its channels cannot be told apart, so none of them is touched."""
    network = build_narrow("mlp_mixer")
    assert equalise(network, list(draw_pictures(network, 1).astype(np.uint8))) is network
