"""The layer norm that int8 can carry computes what Keras's does."""

from __future__ import annotations

import numpy as np
import pytest
from slim_networks import build_narrow, draw_pictures, shake_weights

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

keras = pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")


def normed(**options):
    """Return a network of one layer norm, its weights not those it begins with."""
    pictures = keras.Input((5, 16))
    network = keras.Model(pictures, keras.layers.LayerNormalization(**options)(pictures))
    random = np.random.default_rng(4)
    network.set_weights([random.normal(1.0, 0.5, one.shape) for one in network.get_weights()])
    return network


@pytest.mark.parametrize("options", [{}, {"center": False}, {"scale": False}])
def test_it_computes_what_keras_computes(options):
    """From the same weights, also where the rows are far from zero and where they are flat."""
    from export.layer_norm import LayerNorm, with_int8_norms

    rows = np.random.default_rng(1).normal(30.0, 4.0, (3, 5, 16)).astype(np.float32)
    rows[0, 0] = 7.0
    network = normed(**options)
    ours = with_int8_norms(network)
    assert isinstance(ours.layers[-1], LayerNorm)
    np.testing.assert_allclose(ours(rows), network(rows), atol=5e-4)


def test_the_mixer_answers_as_it_did():
    """All nine of its norms are changed, and it is not."""
    from export.layer_norm import with_int8_norms

    network = build_narrow("mlp_mixer")
    shake_weights(network, 2)
    pictures = draw_pictures(network, 3)
    wanted = network.predict_on_batch(pictures)
    np.testing.assert_allclose(
        with_int8_norms(network).predict_on_batch(pictures), wanted, atol=1e-4
    )


@pytest.mark.parametrize("options", [{"axis": 1}, {"axis": (1, 2)}])
def test_a_norm_over_other_axes_is_left_alone(options):
    """So is a network that has no layer norm at all."""
    from export.layer_norm import with_int8_norms

    network = normed(**options)
    assert with_int8_norms(network) is network
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert with_int8_norms(plain) is plain
