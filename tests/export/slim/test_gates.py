"""A gate that says the same of every picture becomes a factor of the weights behind it."""

from __future__ import annotations

import numpy as np
import pytest
from slim_networks import build_branched, build_narrow, draw_pictures, shake_weights

from export.slim.gates import find_gates, steady_gates, without_gates
from export.slim.surgery import widths_of

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

keras = pytest.importorskip("keras")


def gated(deaf=()):
    """Return a small EfficientNetB0; the gates of `deaf` blocks hear nothing of the picture."""
    network = build_narrow("efficientnet_b0")
    shake_weights(network, 1)
    for layer in network.layers:
        if layer.name.endswith("se_expand") and any(layer.name.startswith(one) for one in deaf):
            kernel, bias = layer.get_weights()
            layer.set_weights([np.zeros_like(kernel), bias])
    return network


def shown(network, seed=2):
    """Return pictures as pixels."""
    return list(draw_pictures(network, seed, count=8).astype(np.uint8))


def test_every_gate_of_a_family_is_found():
    """One for each block with its own convolution behind it, and none where there are no gates."""
    network = gated()
    excites = [layer.name for layer in network.layers if isinstance(layer, keras.layers.Multiply)]
    assert [gate.product for gate in find_gates(network)] == excites
    assert find_gates(build_narrow("mobilenet_v2")) == ()
    assert find_gates(build_branched()) == ()


@pytest.mark.parametrize("deaf", [("block1a",), ("block2a", "block6a")])
def test_a_gate_that_stands_still_is_taken_out_exactly(deaf):
    """The network answers as before, to float rounding; nothing is left of the gate's layers."""
    network = gated(deaf)
    frames = shown(network)
    steady = {
        gate: means
        for gate, means in steady_gates(network, frames).items()
        if gate.product.startswith(deaf)
    }
    assert len(steady) == len(deaf)
    plain = without_gates(network, steady)
    pictures = np.stack(shown(network, 5)).astype(np.float32)
    np.testing.assert_allclose(
        plain.predict_on_batch(pictures), network.predict_on_batch(pictures), rtol=1e-4, atol=1e-5
    )
    left = {layer.name for layer in plain.layers}
    assert not any("_se_" in name for name in left if name.startswith(deaf))
    # Its squeezes are the only channels that went.
    gone = set(widths_of(network)) - set(widths_of(plain))
    assert gone == {f"{one}_se_reduce" for one in deaf}


def test_a_gate_that_moves_stays():
    """What it says depends on the picture, and no factor can stand for it."""
    network = gated()
    loud = network.get_layer("block1a_se_expand")
    kernel, bias = loud.get_weights()
    random = np.random.default_rng(3)
    # Squeezed values are small; what they move must be seen in the gate.
    loud.set_weights([random.normal(0.0, 200.0, kernel.shape), np.zeros_like(bias)])
    steady = steady_gates(network, shown(network))
    assert "block1a_se_excite" not in {gate.product for gate in steady}


def test_without_steady_gates_or_pictures_the_network_is_left_alone():
    """No picture tells nothing of how a gate moves."""
    network = gated()
    assert without_gates(network, {}) is network
    assert steady_gates(network, []) == {}


def test_a_product_that_two_layers_read_keeps_its_gate():
    """A factor in one of them would leave the other without it."""
    layers = keras.layers
    pictures = keras.Input((8, 8, 1))
    flow = layers.Conv2D(4, 3, padding="same", activation="relu", name="maps")(pictures)
    numbers = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(flow)
    numbers = layers.Conv2D(4, 1, activation="sigmoid", name="numbers")(numbers)
    product = layers.Multiply(name="product")([flow, numbers])
    one = layers.Conv2D(4, 1, name="one")(product)
    network = keras.Model(pictures, layers.Add(name="sum")([one, product]))
    assert find_gates(network) == ()
    alone = keras.Model(pictures, one)
    (gate,) = find_gates(alone)
    assert (gate.gated, gate.numbers, gate.reader) == ("maps", "numbers", "one")
    assert gate.layers == ("numbers", "pool")


def test_maps_times_themselves_are_no_gate():
    """Even where they are one number for each channel: a square is no factor."""
    layers = keras.layers
    pictures = keras.Input((8, 8, 1))
    pooled = layers.GlobalAveragePooling2D(keepdims=True, name="pool")(pictures)
    product = layers.Multiply(name="square")([pooled, pooled])
    assert find_gates(keras.Model(pictures, layers.Conv2D(4, 1, name="one")(product))) == ()
