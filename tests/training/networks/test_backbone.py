"""Initial weights come from a file of the right network, and everything else is one sentence."""

from pathlib import Path

import pytest

from training.errors import WeightsError
from training.networks.catalogue import build_network

keras = pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")

pytestmark = pytest.mark.train

SHARED = Path(__file__).parents[4] / "shared" / "weights"
NAMES = {"mobilenet_v2": "MobileNetV2", "efficientnet_b0": "EfficientNetB0"}
FILES = {
    "mobilenet_v2": "mobilenetv2_notop.weights.h5",
    "efficientnet_b0": "efficientnetb0_notop.weights.h5",
}

every_backbone = pytest.mark.parametrize("name", sorted(NAMES))


@every_backbone
@pytest.mark.filterwarnings("default:Skipping:UserWarning")  # as outside the tests
def test_weights_of_another_model_are_refused(name, tmp_path, recwarn, make_spec):
    """Another width, another family: one line, whatever Keras raises."""
    narrow = keras.applications.MobileNetV2(
        include_top=False, weights=None, alpha=0.35, input_shape=(64, 64, 3)
    )
    other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    for number, model in enumerate((narrow, other)):
        path = tmp_path / f"{number}.weights.h5"
        model.save_weights(path)
        wanted = rf"does not hold weights of keras\.applications\.{NAMES[name]} without its top"
        with pytest.raises(WeightsError, match=wanted) as caught:
            build_network(name, make_spec(32), 2, str(path))
        assert "\n" not in str(caught.value)
    assert not [each for each in recwarn if "Skipping" in str(each.message)]


@every_backbone
@pytest.mark.parametrize("content", [b"", b"no HDF5 at all"])
def test_files_that_hold_no_weights_are_refused(name, tmp_path, content, make_spec):
    """Empty and foreign files are one line."""
    path = tmp_path / "some.weights.h5"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="does not hold weights of"):
        build_network(name, make_spec(32), 2, str(path))


@every_backbone
@pytest.mark.parametrize("file", ["none.weights.h5", "weights.txt"])
def test_a_missing_file_is_named(name, tmp_path, file, make_spec):
    """A wrong path is said to be missing."""
    with pytest.raises(WeightsError, match=rf"no weights file .*{file}"):
        build_network(name, make_spec(32), 2, str(tmp_path / file))


@every_backbone
def test_without_a_way_to_keras_the_user_is_told(name, tmp_path, monkeypatch, make_spec):
    """Offline, the line says to give a file."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # the discard port: nobody listens
    with pytest.raises(WeightsError, match=rf"weights of {NAMES[name]}: give --weights FILE\.h5"):
        build_network(name, make_spec(32), 2, "imagenet")


@every_backbone
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/weights")
def test_the_shared_weights_of_the_other_network_are_refused(name, make_spec):
    """Both files lie side by side: the wrong one is taken sooner or later."""
    (other,) = set(FILES) - {name}
    with pytest.raises(WeightsError, match="does not hold weights of"):
        build_network(name, make_spec(32), 2, str(SHARED / FILES[other]))
