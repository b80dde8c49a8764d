"""What every engine promises, whichever library it stands on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.engines.litert import LitertEngine
from agent.engines.scripted import ScriptedEngine
from agent.errors import EngineError

TINY = Path(__file__).parents[1] / "agent" / "engines" / "tiny_int8.tflite"


def open_litert():
    """Open the engine of the device."""
    return LitertEngine(TINY.read_bytes(), 1)


def open_scripted():
    """Open the stand-in."""
    return ScriptedEngine([(0.5, -0.5), (-1.0, 1.0)], 32, 32, 1)


@pytest.fixture(params=[open_litert, open_scripted])
def engine(request):
    """Return one engine of each kind."""
    opened = request.param()
    yield opened
    opened.close()


def test_the_input_is_a_buffer_that_pixels_are_copied_into(engine):
    """It has the model's shape, is uint8 and keeps what is written."""
    engine.input_view()[...] = 77
    view = engine.input_view()
    assert (view.shape, view.dtype) == ((32, 32, 1), np.uint8)
    assert (view == 77).all()


def test_the_answer_is_a_row_of_finite_float32_logits(engine):
    """One number per label."""
    engine.input_view()[...] = 0
    logits = engine.infer()
    assert (logits.shape, logits.dtype) == ((2,), np.float32)
    assert np.isfinite(logits).all()


def test_an_answer_stays_what_it_was(engine):
    """The next part's answer does not overwrite the last one's."""
    engine.input_view()[...] = 0
    first = engine.infer()
    kept = first.copy()
    engine.input_view()[...] = 255
    second = engine.infer()
    assert (first == kept).all()
    assert (second != first).any()


def test_every_part_can_be_judged_after_the_other(engine):
    """The buffer may be taken and let go of as often as there are parts."""
    for level in range(50):
        engine.input_view()[...] = level
        engine.infer()


def test_an_engine_has_a_name(engine):
    """Benchmarks and events say what ran the model."""
    assert engine.name


def test_a_closed_engine_says_so_and_closing_twice_is_harmless(engine):
    """Nothing crashes and nothing is judged after the end."""
    engine.close()
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        engine.infer()
    with pytest.raises(EngineError, match="closed"):
        engine.input_view()
