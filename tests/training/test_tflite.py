"""A TFLite model gives the logits it was made to give, and refuses what it cannot take."""

import numpy as np
import pytest

from training.errors import ModelError
from training.tflite import TfliteModel


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return one network as it is, as float TFLite of uint8, and as int8 with logits in int8."""
    tf = pytest.importorskip("tensorflow", reason="needs TensorFlow")
    from export.quiet import converter_output

    random = np.random.default_rng(0)
    weights = random.normal(0, 0.02, (64, 2)).astype(np.float32)

    def network(pictures):
        return tf.matmul(tf.reshape(pictures, (1, 64)), weights)

    with converter_output(tmp_path_factory.mktemp("log") / "log.txt"):
        signature = tf.TensorSpec((1, 8, 8, 1), tf.float32)
        concrete = tf.function(network).get_concrete_function(signature)
        made = {}
        for name in ("int8", "float input"):
            converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
            if name == "int8":
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.representative_dataset = lambda: (
                    [random.integers(0, 256, (1, 8, 8, 1)).astype(np.float32)] for _ in range(50)
                )
                converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
                converter.inference_input_type = tf.uint8
                converter.inference_output_type = tf.int8
            made[name] = converter.convert()
    return made, lambda pictures: pictures.reshape(len(pictures), 64).astype(np.float32) @ weights


@pytest.mark.train
def test_quantized_logits_come_back_as_floats(models):
    """Scale and zero point of the output are applied; every picture has its own row."""
    made, wanted = models
    model = TfliteModel(made["int8"], threads=1)
    assert model.input_shape == (8, 8, 1)
    pictures = np.random.default_rng(3).integers(0, 256, (5, 8, 8, 1), np.uint8)
    logits = model.infer(pictures)
    assert logits.shape == (5, 2)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, wanted(pictures), atol=0.6)
    assert np.corrcoef(logits.ravel(), wanted(pictures).ravel())[0, 1] > 0.99


@pytest.mark.train
def test_results_are_no_view_of_the_interpreter(models):
    """What was returned stays when the next picture is judged."""
    model = TfliteModel(models[0]["int8"], threads=1)
    first = model.infer(np.zeros((1, 8, 8, 1), np.uint8))
    kept = first.copy()
    model.infer(np.full((1, 8, 8, 1), 255, np.uint8))
    assert np.array_equal(first, kept)


@pytest.mark.train
def test_other_pictures_are_refused(models):
    """Another size or type is named."""
    model = TfliteModel(models[0]["int8"], threads=1)
    for batch in (np.zeros((1, 9, 8, 1), np.uint8), np.zeros((1, 8, 8, 1), np.float32)):
        with pytest.raises(ModelError, match="takes uint8 pictures of"):
            model.infer(batch)


@pytest.mark.train
def test_a_model_of_floats_is_refused(models):
    """The device copies pixels: a model that wants anything else is no model of ours."""
    with pytest.raises(ModelError, match="one picture of uint8"):
        TfliteModel(models[0]["float input"], threads=1)


@pytest.mark.parametrize("content", [b"no model", b"\x1c\x00\x00\x00TFL3" + bytes(64)])
def test_bytes_that_are_no_model_are_refused(content):
    """Foreign bytes are one line."""
    with pytest.raises(ModelError, match="cannot be loaded"):
        TfliteModel(content)
