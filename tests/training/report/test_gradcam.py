"""The heat lies where the sign of the defect is, for feature maps and for tokens."""

import numpy as np
import pytest

from training.errors import ModelError
from training.report.gradcam import heat_maps, lay_over


def _spots(places):
    """Draw dark pictures with one bright spot each."""
    pictures = np.full((len(places), 64, 64, 1), 20, np.uint8)
    for number, (row, column) in enumerate(places):
        pictures[number, row - 4 : row + 4, column - 4 : column + 4] = 250
    return pictures


def _bright_is_bad(tokens=False, sign=1.0):
    """Build a model whose first logit sums what is brighter than a half, in cells of 8 pixels."""
    import keras

    pictures = keras.Input((64, 64, 1))
    flow = keras.layers.Rescaling(1 / 255.0)(pictures)
    flow = keras.layers.Conv2D(1, 8, strides=8, activation="relu", name="cells")(flow)
    if tokens:
        flow = keras.layers.Reshape((64, 1))(flow)
        flow = keras.layers.GlobalAveragePooling1D()(flow)
    else:
        flow = keras.layers.GlobalAveragePooling2D()(flow)
    model = keras.Model(pictures, keras.layers.Dense(2, name="head")(flow))
    model.get_layer("cells").set_weights([np.full((8, 8, 1, 1), 1 / 64), np.array([-0.2])])
    model.get_layer("head").set_weights([np.array([[sign, -sign]]), np.zeros(2)])
    return model


@pytest.mark.train
@pytest.mark.parametrize("tokens", [False, True])
def test_the_heat_lies_on_the_sign(tokens):
    """Each picture's map is hottest within its spot, and cold far from it."""
    pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install 'linewarden[train]'")
    places = [(12, 12), (44, 20), (36, 52)]
    maps = heat_maps(_bright_is_bad(tokens), _spots(places), [0])
    assert maps.shape == (3, 64, 64)
    assert 0.9 < maps.max() <= 1.0
    for heat, place in zip(maps, places, strict=True):
        hottest = np.array(np.unravel_index(heat.argmax(), heat.shape))
        assert np.abs(hottest - place).max() <= 8
        assert heat[63 - place[0], 63 - place[1]] < 0.1


@pytest.mark.train
def test_without_a_sign_the_map_is_faint():
    """A model for which brightness speaks for a good part gives no place the line."""
    pytest.importorskip("tensorflow", reason="needs TensorFlow: pip install 'linewarden[train]'")
    maps = heat_maps(_bright_is_bad(sign=-1.0), _spots([(12, 12)]), [0])
    assert 0.0 < maps.max() < 0.5
    # More pictures than one batch give the same maps.
    many = heat_maps(_bright_is_bad(), _spots([(12, 12)] * 11), [0])
    assert np.allclose(many, many[0], atol=1e-5)


@pytest.mark.train
def test_a_model_without_a_feature_map_is_said():
    """Dense layers alone have no places to show."""
    keras = pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    pictures = keras.Input((8,))
    model = keras.Model(pictures, keras.layers.Dense(2)(pictures))
    with pytest.raises(ModelError, match="no feature map"):
        heat_maps(model, np.zeros((1, 8), np.uint8), [0])


@pytest.mark.train
def test_another_backend_is_said(monkeypatch):
    """The gradients are TensorFlow's: elsewhere a sentence says what to set."""
    keras = pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(ModelError, match="KERAS_BACKEND=tensorflow"):
        heat_maps(None, np.zeros((1, 8, 8, 1), np.uint8), [0])


@pytest.mark.parametrize("shape", [(32, 32, 1), (32, 32, 3)])
def test_what_is_cold_stays_as_it_is(shape):
    """No heat, no change; hot places take a colour, with a light line around them."""
    picture = np.full(shape, 90, np.uint8)
    heat = np.zeros((32, 32), np.float32)
    assert (lay_over(picture, heat) == 90).all()
    heat[8:24, 8:24] = 1.0
    shown = lay_over(picture, heat)
    assert (shown[:4] == 90).all()
    assert np.ptp(shown[16, 16].astype(int)) > 30
    assert (shown[8, 16] == 255).all()


def test_the_heat_grows_brighter_in_grey_too():
    """Printed without colour, hotter is lighter: no two heats look alike."""
    heat = np.tile(np.linspace(0.0, 0.49, 64, dtype=np.float32), (8, 1))
    shown = lay_over(np.full((8, 64, 1), 40, np.uint8), heat).astype(float)
    grey = shown @ np.array([0.114, 0.587, 0.299])
    assert (np.diff(grey[4]) >= -1.0).all()
    assert grey[4, -1] > grey[4, 0] + 10
