"""What the two conversions promise."""

from __future__ import annotations

import numpy as np
import pytest
from slim_networks import SPEC, build_narrow, draw_pictures, shake_weights

from export.convert import load_network, to_float_tflite
from export.errors import CalibrationError, ConvertError
from export.quantize import convert_int8, to_int8
from export.runtime import FlatbufferModel
from training.run_folder import RunFolder

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def test_the_float_flatbuffer_computes_what_keras_computes(workshop, tmp_path):
    """Float TFLite may stand for the Keras model in the comparison with int8."""
    model = FlatbufferModel(to_float_tflite(workshop.network, workshop.spec, tmp_path / "log"))
    random = np.random.default_rng(1)
    frames = random.integers(0, 256, (8, 32, 32, 1), np.uint8)
    wanted = workshop.network.predict(frames.astype(np.float32), verbose=0)
    np.testing.assert_allclose([model.logits(one) for one in frames], wanted, atol=1e-4)


def test_the_batch_is_one_picture_whatever_the_network_says(workshop, tmp_path):
    """The flatbuffer has a fixed batch, so that the device allocates once."""
    model = FlatbufferModel(to_float_tflite(workshop.network, workshop.spec, tmp_path / "log"))
    assert tuple(model._input["shape_signature"]) == (1, 32, 32, 1)


def test_a_network_of_another_size_is_refused(workshop, tmp_path):
    """The run's size and the network's must agree."""
    other = workshop.spec.model_copy(update={"height": 64})
    with pytest.raises(ConvertError, match="64"):
        to_float_tflite(workshop.network, other, tmp_path / "log")


def test_no_calibration_pictures_are_refused(workshop, tmp_path):
    """Without pictures there are no ranges."""
    with pytest.raises(CalibrationError, match="calibration pictures"):
        to_int8(workshop.network, [], workshop.spec, tmp_path / "log")


@pytest.mark.parametrize("shape", [(32, 32, 3), (16, 16, 1), (32, 32)])
def test_calibration_pictures_of_another_shape_are_refused(workshop, tmp_path, shape):
    """TensorFlow's calibrator would take them without a word."""
    with pytest.raises(CalibrationError, match="shape"):
        to_int8(workshop.network, [np.zeros(shape, np.uint8)], workshop.spec, tmp_path / "log")


def test_a_failing_converter_gives_one_line_and_keeps_its_log(workshop, tmp_path):
    """What the converter said is in the log, what to look at is in the error."""
    keras = pytest.importorskip("keras")
    pictures = keras.Input((32, 32, 1))
    # TFLite has no operator for this distribution.
    pooled = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(pictures))
    odd = keras.layers.Lambda(lambda one: one + keras.random.gamma((1, 2), 0.5))(pooled)
    network, log = keras.Model(pictures, odd), tmp_path / "export.log"
    with pytest.raises(ConvertError, match=r"export\.log") as caught:
        convert_int8(network, [np.zeros((32, 32, 1), np.uint8)], workshop.spec, log)
    assert "\n" not in str(caught.value)
    assert "Traceback" in (tmp_path / "export.log").read_text()


def test_a_damaged_model_file_is_refused_in_one_line(tmp_path):
    """A run whose model was cut off cannot be exported."""
    folder = RunFolder(tmp_path)
    folder.model_path.write_bytes(b"no Keras archive")
    with pytest.raises(ConvertError, match="model") as caught:
        load_network(folder.model_path, tmp_path / "log")
    assert "\n" not in str(caught.value)


def test_the_int8_model_answers_more_like_the_network_than_the_converter_alone(tmp_path):
    """Equalised and rounded with the flow in mind, its logits are nearer on other pictures."""
    network = build_narrow("mobilenet_v2")
    shake_weights(network, 4)
    frames = list(draw_pictures(network, 5, count=24).astype(np.uint8))
    frames[0][0, 0], frames[0][0, 1] = 0, 255
    others = draw_pictures(network, 6, count=24).astype(np.uint8)
    wanted = network.predict(others.astype(np.float32), verbose=0)
    off = []
    for convert in (convert_int8, to_int8):
        model = FlatbufferModel(convert(network, frames, SPEC, tmp_path / "log"))
        off.append(np.abs(np.array([model.logits(one) for one in others]) - wanted).mean())
    assert off[1] < 0.8 * off[0]
