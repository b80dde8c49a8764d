"""The engine of the device, on a model of four kilobytes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.engines import litert
from agent.engines.litert import LitertEngine
from agent.errors import EngineError

MODEL = (Path(__file__).parent / "tiny_int8.tflite").read_bytes()


def test_logits_are_the_models_integers_on_its_scale():
    """The answer is (q - zero point) * scale of what the bare interpreter gives."""
    from ai_edge_litert.interpreter import Interpreter

    picture = np.random.default_rng(1).integers(0, 256, (32, 32, 1), np.uint8)
    bare = Interpreter(model_content=MODEL)
    bare.allocate_tensors()
    bare.set_tensor(bare.get_input_details()[0]["index"], picture[None])
    bare.invoke()
    output = bare.get_output_details()[0]
    scale, zero_point = output["quantization"]
    wanted = (bare.get_tensor(output["index"])[0].astype(float) - zero_point) * scale
    engine = LitertEngine(MODEL, 2)
    engine.input_view()[...] = picture
    np.testing.assert_allclose(engine.infer(), wanted, rtol=1e-6)


def test_the_name_says_library_and_version():
    """A benchmark without them is worth nothing."""
    assert LitertEngine(MODEL).name.startswith("LiteRT 2.")


def test_loading_prints_nothing(capfd):
    """The runtime's chatter does not run through the technician's live view."""
    LitertEngine(MODEL)
    assert capfd.readouterr() == ("", "")


def test_what_others_print_while_a_model_loads_is_not_lost(capfd, monkeypatch):
    """Only the one known line is held back."""
    load = litert._load

    def noisy(*arguments):
        os.write(2, b"disk on fire\n")
        return load(*arguments)

    monkeypatch.setattr(litert, "_load", noisy)
    LitertEngine(MODEL)
    assert capfd.readouterr().err == "disk on fire\n"


@pytest.mark.parametrize(
    "model", [b"", b"no flatbuffer at all", MODEL[:200], MODEL[: len(MODEL) // 2]]
)
def test_what_is_no_model_is_refused_in_one_line(model):
    """A damaged file is an EngineError, and stderr is as before."""
    with pytest.raises(EngineError, match="refuses the model") as caught:
        LitertEngine(model)
    assert "\n" not in str(caught.value)


def test_holding_on_to_the_input_is_an_error_that_passes():
    """A lane that keeps the buffer over an inference is told so; letting go mends it."""
    engine = LitertEngine(MODEL)
    view = engine.input_view()
    with pytest.raises(EngineError, match="reference"):
        engine.infer()
    del view
    assert engine.infer().shape == (2,)


def test_no_threads_are_refused():
    """Zero threads would mean whatever the library likes."""
    with pytest.raises(EngineError, match="thread"):
        LitertEngine(MODEL, 0)


def test_without_a_library_the_line_says_what_to_install(monkeypatch):
    """On a bare system the technician learns the package's name."""
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)
    with pytest.raises(EngineError, match="pip install"):
        LitertEngine(MODEL)


def test_tflite_runtime_stands_in_where_litert_is_missing(monkeypatch):
    """On 32-bit systems the other package runs the same model."""
    from ai_edge_litert import interpreter

    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", interpreter)
    monkeypatch.setattr(litert.metadata, "version", lambda _: "2.14.0")
    engine = LitertEngine(MODEL)
    assert engine.name == "tflite_runtime 2.14.0"
    assert engine.infer().shape == (2,)


class Interpreter:
    """A model with any interface one likes."""

    def __init__(self, inputs, outputs):
        self._inputs, self._outputs = inputs, outputs

    def get_input_details(self):
        return self._inputs

    def get_output_details(self):
        return self._outputs


def tensor(dtype, *shape, quantization=(0.5, 0)):
    """Return a tensor's details."""
    return {"index": 0, "dtype": dtype, "shape": np.array(shape), "quantization": quantization}


PICTURE = tensor(np.uint8, 1, 32, 32, 1)


@pytest.mark.parametrize(
    ("inputs", "outputs", "words"),
    [
        ([], [tensor(np.int8, 1, 2)], "0 inputs"),
        ([tensor(np.float32, 1, 32, 32, 1)], [tensor(np.int8, 1, 2)], "float32 of shape"),
        ([tensor(np.uint8, 4, 32, 32, 1)], [tensor(np.int8, 1, 2)], "one picture of uint8"),
        ([PICTURE], [tensor(np.int8, 1, 2)] * 2, "2 outputs"),
        ([PICTURE], [tensor(np.int8, 1, 7, 7, 2)], "one row of logits"),
        ([PICTURE], [tensor(np.int8, 1, 2, quantization=(0.0, 0))], "without a scale"),
        ([PICTURE], [tensor(np.int32, 1, 2)], "int32"),
    ],
)
def test_a_model_of_another_kind_is_refused(monkeypatch, inputs, outputs, words):
    """What cannot be fed with pixels or does not give logits never judges a part."""
    monkeypatch.setattr(litert, "_load", lambda *_: Interpreter(inputs, outputs))
    with pytest.raises(EngineError, match=words):
        LitertEngine(MODEL)


def test_float_logits_are_taken_as_they_are(monkeypatch):
    """A model may have quantized insides and float outputs."""
    outputs = [tensor(np.float32, 1, 2, quantization=(0.0, 0))]
    monkeypatch.setattr(litert, "_load", lambda *_: Interpreter([PICTURE], outputs))
    engine = LitertEngine(MODEL)
    assert (engine._scale, engine._zero_point) == (1.0, 0.0)
