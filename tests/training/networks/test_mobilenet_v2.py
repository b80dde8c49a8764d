"""MobileNetV2's initial weights are carried over exactly."""

from pathlib import Path

import numpy as np
import pytest

from training.networks.catalogue import build_network

keras = pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

pytestmark = pytest.mark.train

FILE = Path(__file__).parents[4] / "shared" / "weights" / "mobilenetv2_notop.weights.h5"


def test_gray_weights_are_exact(tmp_path, make_spec):
    """One gray channel gives what the colour network gives for the same value in all three."""
    donor = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3))
    donor.save_weights(tmp_path / "donor.weights.h5")
    model = build_network("mobilenet_v2", make_spec(32), 2, str(tmp_path / "donor.weights.h5"))
    # Random weights fade with depth: a layer early enough to say something, past a shortcut.
    layer = "block_2_add"
    backbone = keras.Model(model.inputs, model.get_layer(layer).output)
    donor = keras.Model(donor.inputs, donor.get_layer(layer).output)
    gray = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), np.uint8)
    colour = np.repeat(gray, 3, axis=-1).astype(np.float32) / 127.5 - 1.0
    wanted = donor.predict_on_batch(colour)
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(backbone.predict_on_batch(gray), wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(not FILE.exists(), reason="needs ../shared/weights")
def test_the_shared_weights_are_taken(built, make_spec):
    """The file that `make reproduce` starts from fills the backbone."""
    model = build_network("mobilenet_v2", make_spec(64), 2, str(FILE))
    for name in ("Conv1", "block_16_project"):
        taken, drawn = (
            each.get_layer(name).get_weights()[0] for each in (model, built("mobilenet_v2"))
        )
        assert taken.shape == drawn.shape
        assert not np.allclose(taken, drawn)
