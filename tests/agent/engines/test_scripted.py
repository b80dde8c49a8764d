"""The stand-in for an engine."""

from __future__ import annotations

import pytest

from agent.engines.scripted import ScriptedEngine
from agent.errors import EngineError


def test_answers_come_in_turn_and_begin_again():
    """After the last answer comes the first."""
    engine = ScriptedEngine([(1.0, 0.0), (0.0, 1.0)])
    assert [tuple(engine.infer()) for _ in range(3)] == [(1.0, 0.0), (0.0, 1.0), (1.0, 0.0)]


def test_a_fault_can_be_part_of_the_script():
    """The listed error is raised in its turn, and the next part is judged again."""
    engine = ScriptedEngine([EngineError("as planned"), (0.0, 1.0)])
    with pytest.raises(EngineError, match="as planned"):
        engine.infer()
    assert tuple(engine.infer()) == (0.0, 1.0)


def test_the_delay_is_called_before_each_answer():
    """A test can hold the engine up without anybody sleeping."""
    calls = []
    engine = ScriptedEngine([(1.0, 0.0)], delay=lambda: calls.append(len(calls)))
    engine.infer()
    engine.infer()
    assert calls == [0, 1]


def test_an_empty_script_is_refused():
    """There must be something to say."""
    with pytest.raises(EngineError, match="at least one answer"):
        ScriptedEngine([])
