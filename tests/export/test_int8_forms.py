"""Layers in forms that int8 can carry compute what Keras's do."""

from __future__ import annotations

import numpy as np
import pytest
from slim_networks import SPEC, build_narrow, draw_pictures, shake_weights

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
    from export.int8_forms import LayerNorm, with_int8_forms

    rows = np.random.default_rng(1).normal(30.0, 4.0, (3, 5, 16)).astype(np.float32)
    rows[0, 0] = 7.0
    network = normed(**options)
    ours = with_int8_forms(network)
    assert isinstance(ours.layers[-1], LayerNorm)
    np.testing.assert_allclose(ours(rows), network(rows), atol=5e-4)


def test_the_mixer_answers_as_it_did():
    """All nine of its norms are changed, and it is not."""
    from export.int8_forms import with_int8_forms

    network = build_narrow("mlp_mixer")
    shake_weights(network, 2)
    pictures = draw_pictures(network, 3)
    wanted = network.predict_on_batch(pictures)
    np.testing.assert_allclose(
        with_int8_forms(network).predict_on_batch(pictures), wanted, atol=1e-4
    )


@pytest.mark.parametrize("options", [{"axis": 1}, {"axis": (1, 2)}])
def test_a_norm_over_other_axes_is_left_alone(options):
    """So is a network that has no layer norm at all."""
    from export.int8_forms import with_int8_forms

    network = normed(**options)
    assert with_int8_forms(network) is network
    plain = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    assert with_int8_forms(plain) is plain


@pytest.mark.parametrize(
    ("scale", "offset"), [(1 / 127.5, -1.0), (1 / 57.6, -1.99), ([0.02, 0.01], [-1.0, 0.5])]
)
def test_rescaled_pixels_are_what_they_were(scale, offset):
    """Of every grey level, with one scale for all channels or one for each."""
    from export.int8_forms import Rescaling, with_int8_forms

    channels = len(scale) if isinstance(scale, list) else 1
    pictures = keras.Input((16, 16, channels))
    network = keras.Model(pictures, keras.layers.Rescaling(scale, offset)(pictures))
    ours = with_int8_forms(network)
    assert isinstance(ours.layers[-1], Rescaling)
    levels = np.repeat(np.arange(256.0).reshape(1, 16, 16, 1), channels, axis=-1)
    np.testing.assert_allclose(ours(levels), network(levels), atol=1e-5)


@pytest.mark.parametrize("name", ["cnn", "mobilenet_v2", "efficientnet_b0", "mlp_mixer"])
def test_no_two_grey_levels_become_one(name, tmp_path):
    """Each of the 256 reaches the first layer of the int8 model as a value of its own."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from export.quantize import convert_int8

    network = build_narrow(name)
    shake_weights(network, 1)
    shape = network.input_shape[1:]
    levels = np.resize(np.arange(256, dtype=np.uint8), shape)
    model = convert_int8(network, [levels, levels[::-1]], SPEC, tmp_path / "log")
    interpreter = Interpreter(
        model_content=model,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], levels[np.newaxis])
    interpreter.invoke()
    scaled = [
        interpreter.get_tensor(one["index"])
        for one in interpreter.get_tensor_details()
        if "scaling" in one["name"] and tuple(one["shape"]) == (1, *shape)
    ]
    assert scaled
    assert [len(np.unique(one)) for one in scaled] == [256] * len(scaled)


def test_a_scale_of_zero_is_left_alone():
    """Its offset cannot be taken before it."""
    from export.int8_forms import with_int8_forms

    pictures = keras.Input((4, 4, 1))
    network = keras.Model(pictures, keras.layers.Rescaling(0.0, 1.0)(pictures))
    assert with_int8_forms(network) is network
