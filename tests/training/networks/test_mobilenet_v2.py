"""Initial weights are carried over exactly, and those of another model are refused."""

from pathlib import Path

import numpy as np
import pytest

from bundle.manifest import InputSpec
from training.errors import WeightsError
from training.networks.catalogue import build_network

keras = pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

pytestmark = pytest.mark.train

SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=40)
SHARED = Path(__file__).parents[4] / "shared" / "weights"


def test_gray_weights_are_exact(tmp_path):
    """One gray channel gives what the colour network gives for the same value in all three."""
    donor = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(32, 32, 3))
    donor.save_weights(tmp_path / "donor.weights.h5")
    model = build_network("mobilenet_v2", SPEC, 2, str(tmp_path / "donor.weights.h5"))
    # Random weights fade with depth: a layer early enough to say something, past a shortcut.
    layer = "block_2_add"
    backbone = keras.Model(model.inputs, model.get_layer(layer).output)
    donor = keras.Model(donor.inputs, donor.get_layer(layer).output)
    gray = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 1), np.uint8)
    colour = np.repeat(gray, 3, axis=-1).astype(np.float32) / 127.5 - 1.0
    wanted = donor.predict_on_batch(colour)
    assert np.abs(wanted).max() > 1e-3
    np.testing.assert_allclose(backbone.predict_on_batch(gray), wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.filterwarnings("default:Skipping:UserWarning")  # as outside the tests
def test_weights_of_another_model_are_refused(tmp_path, recwarn):
    """Another width, another family: one line, whatever Keras raises."""
    narrow = keras.applications.MobileNetV2(
        include_top=False, weights=None, alpha=0.35, input_shape=(64, 64, 3)
    )
    other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    for number, model in enumerate((narrow, other)):
        path = tmp_path / f"{number}.weights.h5"
        model.save_weights(path)
        with pytest.raises(WeightsError, match="does not hold weights of"):
            build_network("mobilenet_v2", SPEC, 2, str(path))
    assert not [each for each in recwarn if "Skipping" in str(each.message)]


@pytest.mark.parametrize("content", [b"", b"no HDF5 at all"])
def test_files_that_hold_no_weights_are_refused(tmp_path, content):
    """Empty and foreign files are one line."""
    path = tmp_path / "some.weights.h5"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="does not hold weights of"):
        build_network("mobilenet_v2", SPEC, 2, str(path))


@pytest.mark.parametrize("name", ["none.weights.h5", "weights.txt"])
def test_a_missing_file_is_named(tmp_path, name):
    """A wrong path is said to be missing."""
    with pytest.raises(WeightsError, match=rf"no weights file .*{name}"):
        build_network("mobilenet_v2", SPEC, 2, str(tmp_path / name))


def test_without_a_way_to_keras_the_user_is_told(tmp_path, monkeypatch):
    """Offline, the line says to give a file."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(WeightsError, match=r"give --weights FILE\.h5"):
        build_network("mobilenet_v2", SPEC, 2, "imagenet")


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/weights")
def test_efficientnet_weights_are_refused():
    """The other file of ../shared/weights is of another model."""
    path = SHARED / "efficientnetb0_notop.weights.h5"
    with pytest.raises(WeightsError, match="does not hold weights of"):
        build_network("mobilenet_v2", SPEC, 2, str(path))


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/weights")
def test_the_shared_weights_are_taken():
    """The file that `make reproduce` starts from fills the backbone."""
    model = build_network("mobilenet_v2", SPEC, 2, str(SHARED / "mobilenetv2_notop.weights.h5"))
    fresh = build_network("mobilenet_v2", SPEC, 2)
    for name in ("Conv1", "block_16_project"):
        taken, drawn = (each.get_layer(name).get_weights()[0] for each in (model, fresh))
        assert taken.shape == drawn.shape
        assert not np.allclose(taken, drawn)
