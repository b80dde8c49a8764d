"""EfficientNetB0's initial weights fit the model's own scaling, for colour and for gray."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.networks.catalogue import build_network

keras = pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

pytestmark = pytest.mark.train

FILE = Path(__file__).parents[4] / "shared" / "weights" / "efficientnetb0_notop.weights.h5"


def _until(model, layer):
    return keras.Model(model.inputs, model.get_layer(layer).output)


def _casting(seed):
    """Draw a soft disc with a hole before any gray, as a camera would see it."""
    random = np.random.default_rng(seed)
    frame = np.full((224, 224), random.integers(20, 200), np.uint8)
    cv2.circle(frame, (112, 112), 90, int(random.integers(120, 230)), thickness=-1)
    cv2.circle(frame, (112, 112), 40, 70, thickness=-1)
    return cv2.GaussianBlur(frame, (0, 0), 1.5)[..., np.newaxis]


def _donor(size, mean, variance):
    donor = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(size, size, 3)
    )
    (norm,) = (each for each in donor.layers if isinstance(each, keras.layers.Normalization))
    norm.set_weights([np.float32(mean), np.float32(variance), np.int64(0)])
    norm.finalize_state()
    return donor


@pytest.mark.parametrize("channels", [1, 3])
def test_any_scaling_of_the_donor_is_carried_over(channels, tmp_path, make_spec):
    """Keras's own weights and the converted ones are scaled differently; both start the same."""
    donor = _donor(64, [0.5, 0.4, 0.3], [0.04, 0.09, 0.0625])
    donor.save_weights(tmp_path / "donor.weights.h5")
    path = str(tmp_path / "donor.weights.h5")
    model = build_network("efficientnet_b0", make_spec(64, channels), 2, path)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, channels), np.uint8)
    colour = np.broadcast_to(pictures, (2, 64, 64, 3)).astype(np.float32)
    wanted = _until(donor, "stem_bn").predict_on_batch(colour)
    given = _until(model, "stem_bn").predict_on_batch(pictures)
    assert np.abs(wanted).max() > 0.1
    # The last row and column see the padding, which is black for the donor and gray for the model.
    np.testing.assert_allclose(given[:, :-1, :-1], wanted[:, :-1, :-1], atol=1e-4)


@pytest.mark.skipif(not FILE.exists(), reason="needs ../shared/weights")
@pytest.mark.parametrize(("channels", "bound"), [(1, 0.99), (3, 0.99999)])
def test_features_are_those_of_the_donor(channels, bound, make_spec):
    """At the size it was made for, the padding's trace stays small to the backbone's end."""
    model = build_network("efficientnet_b0", make_spec(224, channels), 2, str(FILE))
    donor = keras.applications.EfficientNetB0(
        include_top=False, weights=None, input_shape=(224, 224, 3)
    )
    donor.load_weights(FILE)
    large = np.stack([_casting(seed) for seed in range(4)])
    wanted = donor.predict_on_batch(large.repeat(3, axis=-1).astype(np.float32))
    given = _until(model, "top_activation").predict_on_batch(large.repeat(channels, axis=-1))
    for one, other in zip(given.mean((1, 2)), wanted.mean((1, 2)), strict=True):
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert cosine > bound
