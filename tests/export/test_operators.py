"""What check_quantized lets through and what it refuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from slim_networks import SPEC, build_narrow, draw_pictures, shake_weights

from bundle.manifest import InputSpec
from export.convert import open_converter, to_float_tflite
from export.errors import FloatLeftoverError, QuantizeError
from export.operators import check_quantized
from export.quantize import to_int8
from export.quiet import converter_output

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def noise(count: int, top: int = 255) -> list[np.ndarray]:
    """Return noise that reaches from 0 to `top`."""
    random = np.random.default_rng(5)
    frames = [random.integers(0, top + 1, (32, 32, 1), np.uint8) for _ in range(count)]
    frames[0][0, 0], frames[0][0, 1] = 0, top
    return frames


def half_quantized(network: Any, frames: Sequence[np.ndarray], spec: InputSpec, log) -> bytes:
    """Convert as somebody would who lets the converter fall back to floating point."""
    tf = pytest.importorskip("tensorflow")
    with converter_output(log):
        converter = open_converter(network, spec)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: [[one[None].astype("f4")] for one in frames]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.int8
        return converter.convert()


def network_with_sine(keras: Any) -> Any:
    """Build a network with an operator that TFLite has no int8 kernel for."""
    pictures = keras.Input((32, 32, 1))
    flow = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pictures)
    flow = keras.ops.sin(keras.layers.Conv2D(4, 3)(flow))
    flow = keras.layers.GlobalAveragePooling2D()(flow)
    return keras.Model(pictures, keras.layers.Dense(2)(flow))


def test_a_fully_quantized_model_passes(workshop, tmp_path):
    """Every operator is counted, the scaling layer's shift among them; the output has a scale.

    The scale itself goes into the weights of the convolution behind it.
    """
    model = to_int8(workshop.network, noise(8), workshop.spec, tmp_path / "log")
    facts = check_quantized(model, workshop.spec, 2)
    assert facts.operators["CONV_2D"] == 2
    assert facts.operators["ADD"] == 1
    assert "MUL" not in facts.operators
    assert facts.output_dtype == "int8"
    assert facts.output_scale > 0


def test_of_a_network_of_convolutions_the_delegate_runs_all_but_the_entrance(workshop, tmp_path):
    """That turns pixels of 0..255 into -128..127; nothing else is left to the slow kernels."""
    model = to_int8(workshop.network, noise(8), workshop.spec, tmp_path / "log")
    assert check_quantized(model, workshop.spec, 2).outside == {"QUANTIZE": 1}


def test_the_mixer_is_all_int8_and_what_xnnpack_does_not_run_of_it_is_listed(tmp_path):
    """Its layer norms and its GELU have int8 kernels, the delegate has none for two of these."""
    network = build_narrow("mlp_mixer")
    shake_weights(network, 4)
    frames = list(draw_pictures(network, 5, count=8).astype(np.uint8))
    frames[0][0, 0], frames[0][0, 1] = 0, 255
    facts = check_quantized(to_int8(network, frames, SPEC, tmp_path / "log"), SPEC, 2)
    assert facts.operators["RSQRT"] == 9
    assert facts.outside["RSQRT"] == 9
    assert facts.outside["GELU"] == 8
    assert not {"FULLY_CONNECTED", "CONV_2D", "MEAN", "MUL"} & set(facts.outside)


def test_float_leftovers_are_refused_by_name(workshop, tmp_path):
    """An operator that stayed in floating point is named."""
    keras = pytest.importorskip("keras")
    model = half_quantized(network_with_sine(keras), noise(8), workshop.spec, tmp_path / "log")
    with pytest.raises(FloatLeftoverError, match="SIN") as caught:
        check_quantized(model, workshop.spec, 2)
    assert "SIN" in caught.value.operators


def test_a_float_model_is_refused(workshop, tmp_path):
    """A model that was not quantized at all is no int8 model."""
    model = to_float_tflite(workshop.network, workshop.spec, tmp_path / "log")
    with pytest.raises(FloatLeftoverError, match="CONV_2D"):
        check_quantized(model, workshop.spec, 2)


def test_an_input_that_is_not_plain_pixels_is_refused(workshop, tmp_path):
    """Calibrated on dark pictures only, one step of the input would not be one grey level."""
    model = to_int8(workshop.network, noise(8, top=100), workshop.spec, tmp_path / "log")
    with pytest.raises(QuantizeError, match="scale"):
        check_quantized(model, workshop.spec, 2)


def test_another_size_or_number_of_labels_is_refused(workshop, tmp_path):
    """The model must take what the manifest will say, and give as many logits."""
    model = to_int8(workshop.network, noise(8), workshop.spec, tmp_path / "log")
    other = workshop.spec.model_copy(update={"width": 48})
    with pytest.raises(QuantizeError, match="48"):
        check_quantized(model, other, 2)
    with pytest.raises(QuantizeError, match="3 quantized logits"):
        check_quantized(model, workshop.spec, 3)
