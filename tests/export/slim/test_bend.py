"""Swish is bent into ReLU step by step, and nothing of the network is lost on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from slim_networks import build_narrow, draw_pictures, shake_weights

from export.slim.bend import BendingSwish, bend, set_sharpness, straighten
from export.slim.plain import without_swish

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def swish():
    """Return a small EfficientNetB0 with shaken weights."""
    network = build_narrow("efficientnet_b0")
    shake_weights(network, 1)
    return network


@pytest.fixture
def bent(swish):
    """Return it with swish that bends."""
    return bend(without_swish(swish), swish)


def test_the_way_begins_at_swish_and_ends_at_relu(swish, bent):
    """Before the first step the network is the full one, at the end of the lesson the plain one."""
    pictures = draw_pictures(swish, 2)
    set_sharpness(bent, 0.0)
    np.testing.assert_allclose(_say(bent, pictures), _say(swish, pictures), rtol=1e-4, atol=1e-5)
    set_sharpness(bent, 1.0)
    plain = without_swish(swish)
    np.testing.assert_allclose(_say(bent, pictures), _say(plain, pictures), rtol=1e-3, atol=1e-3)
    assert np.abs(_say(plain, pictures) - _say(swish, pictures)).max() > 0.01


def test_each_step_bends_a_little_further_and_the_last_ones_no_more(bent):
    """By the same factor each time; in the last part of the lesson the network is as it will be."""
    shares = np.linspace(0.0, 1.0, 21)
    said = []
    for share in shares:
        set_sharpness(bent, float(share))
        said.append(_sharpness(bent))
    on_the_way = np.array(said)[shares < 0.6]
    np.testing.assert_allclose(on_the_way[1:] / on_the_way[:-1], 32 ** (1 / 12), rtol=1e-5)
    assert set(np.array(said)[shares > 0.61].tolist()) == {1e4}


def test_what_is_straightened_has_layers_of_keras_alone_and_the_weights_it_learned(bent):
    """The squeezes keep the swish that they have."""
    set_sharpness(bent, 1.0)
    straight = straighten(bent)
    assert not any(isinstance(layer, BendingSwish) for layer in straight.layers)
    assert isinstance(straight.get_layer("stem_activation"), keras.layers.ReLU)
    assert straight.get_layer("block1a_se_reduce").activation is keras.activations.silu
    learned = [layer for layer in bent.layers if not isinstance(layer, BendingSwish)]
    for layer in learned:
        for old, new in zip(
            layer.get_weights(), straight.get_layer(layer.name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(new, old)


def test_a_network_in_a_file_is_bent_as_far_as_it_was(bent, tmp_path: Path):
    """So a lesson that was killed goes on where it was."""
    set_sharpness(bent, 0.3)
    bent.save(tmp_path / "bent.keras")
    read = keras.models.load_model(tmp_path / "bent.keras", compile=False)
    assert _sharpness(read) == pytest.approx(32**0.5)


def test_no_gradient_reaches_how_far_it_is_bent(bent):
    """Else the network would bend itself back."""
    assert not any("sharpness" in one.path for one in bent.trainable_variables)


def _say(network, pictures):
    return network.predict_on_batch(pictures)


def _sharpness(network):
    """Return the sharpness that all layers have."""
    (sharpness,) = {
        float(layer.sharpness.numpy())
        for layer in network.layers
        if isinstance(layer, BendingSwish)
    }
    return sharpness
