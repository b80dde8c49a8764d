"""A network that loses its swish keeps its weights, its channels, and the swish of its squeezes."""

from __future__ import annotations

import numpy as np
import pytest
from slim_networks import build_narrow, draw_pictures, shake_weights

from export.equalise import equalise
from export.slim.plain import has_swish, without_swish
from export.slim.surgery import widths_of

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


def test_only_networks_with_swish_on_feature_maps_are_told_to_have_it(swish):
    """MobileNetV2 has none, and afterwards neither has EfficientNetB0."""
    assert has_swish(swish)
    assert not has_swish(without_swish(swish))
    assert not has_swish(build_narrow("mobilenet_v2"))


def test_weights_and_groups_of_channels_stay(swish):
    """Layer by layer; what is pruned next has the groups that it had."""
    plain = without_swish(swish)
    for layer in swish.layers:
        for old, new in zip(
            layer.get_weights(), plain.get_layer(layer.name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(new, old)
    assert widths_of(plain) == widths_of(swish)


def test_what_passed_a_swish_is_never_negative_now_and_a_squeeze_keeps_its_own(swish):
    """A ReLU stands where it was; a ReLU in a squeeze might never wake up."""
    plain = without_swish(swish)
    assert isinstance(plain.get_layer("stem_activation"), keras.layers.ReLU)
    assert plain.get_layer("block1a_se_reduce").activation is keras.activations.silu


def test_channels_before_a_squeeze_and_excite_become_equally_loud(swish):
    """The gate hears them through its pooling, so its kernel takes the change back too."""
    plain = without_swish(swish)
    shown = draw_pictures(plain, 2).astype(np.uint8)
    even = equalise(plain, list(shown))
    pictures = shown.astype(np.float32)
    wanted, got = plain.predict_on_batch(pictures), even.predict_on_batch(pictures)
    np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3)
    before, after = (_spread(network, pictures) for network in (plain, even))
    assert before > 1.5
    assert after == pytest.approx(1.0, abs=1e-3)


def _spread(network, pictures):
    """Return how much louder the loudest channel is than the quietest that speaks."""
    probe = keras.Model(network.input, network.get_layer("block2a_activation").output)
    values = np.asarray(probe.predict_on_batch(pictures))
    loudest = values.reshape(-1, values.shape[-1]).max(axis=0)
    loudest = loudest[loudest > loudest.max() / 64]
    return loudest.max() / loudest.min()
