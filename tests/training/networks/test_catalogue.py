"""Every network of the catalogue takes raw pictures, gives logits and has a recipe."""

import numpy as np
import pytest

from bundle.manifest import InputSpec
from training.errors import OptionError, WeightsError
from training.networks.catalogue import BUILT_IN, build_network, find_network, network_names


def test_the_names_are_known_without_keras():
    """Help can list the networks."""
    assert set(BUILT_IN) <= set(network_names())


def test_an_unknown_network_lists_the_known():
    """A wrong name is one line."""
    with pytest.raises(OptionError, match="no network is called 'resnet'; there are mobilenet_v2"):
        find_network("resnet")


def test_weights_for_a_network_that_has_none():
    """A network trained from scratch takes no initial weights."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    spec = InputSpec(height=32, width=32, frame_height=40, frame_width=40)
    with pytest.raises(WeightsError, match="tiny has no initial weights"):
        build_network("tiny", spec, 2, "some.h5")


@pytest.mark.train
@pytest.mark.parametrize("name", sorted(BUILT_IN))
@pytest.mark.parametrize("channels", [1, 3])
def test_a_network_of_the_catalogue_fits_its_contract(name, channels):
    """uint8 pictures go in, one unbounded logit per label comes out; the head is named so."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    colour = "gray" if channels == 1 else "rgb"
    spec = InputSpec(
        height=32, width=32, channels=channels, colour=colour, frame_height=40, frame_width=40
    )
    model = build_network(name, spec, 3)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, channels), np.uint8)
    assert model.predict_on_batch(pictures).shape == (2, 3)
    assert model.layers[-1].get_config()["activation"] == "linear"
    assert any(layer.name.startswith("head_") for layer in model.layers)
    assert not model.layers[1].name.startswith("head_")
    recipe = find_network(name).recipe
    assert recipe[-1].scale == 1.0
    assert recipe[-1].trained == "all"
