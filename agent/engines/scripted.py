"""Answers from a list, in turn and for ever: for tests and rehearsals."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.errors import EngineError


def _no_delay() -> None:
    """Answer at once."""


class ScriptedEngine:
    """An engine that looks at no picture: it gives the listed logits one after the other.

    An answer that is an EngineError is raised instead. `delay` is called before each answer, so
    that a test can hold the engine up or move its clock.
    """

    name = "scripted"

    def __init__(
        self,
        answers: Sequence[Sequence[float] | EngineError],
        height: int = 224,
        width: int = 224,
        channels: int = 1,
        delay: Callable[[], None] = _no_delay,
    ) -> None:
        if not answers:
            raise EngineError("a scripted engine needs at least one answer")
        self._answers = tuple(answers)
        self._delay = delay
        self._next = 0
        self._buffer: NDArray[np.uint8] | None = np.zeros((height, width, channels), np.uint8)

    def input_view(self) -> NDArray[np.uint8]:
        """Return the input buffer."""
        if self._buffer is None:
            raise EngineError("the engine is closed")
        return self._buffer

    def infer(self) -> NDArray[np.float32]:
        """Return the next answer of the list."""
        if self._buffer is None:
            raise EngineError("the engine is closed")
        self._delay()
        answer = self._answers[self._next % len(self._answers)]
        self._next += 1
        if isinstance(answer, EngineError):
            raise answer
        return np.array(answer, np.float32)

    def close(self) -> None:
        """Let go of the buffer."""
        self._buffer = None
