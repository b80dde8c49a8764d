"""Trigger driver `interval`: a part every so often, by the clock."""

from __future__ import annotations

import select
from collections.abc import Sequence

from agent.config.trigger import IntervalTrigger as Section

# After a long sleep the parts that were missed are told bit by bit, each as a part of its own.
_AT_ONCE = 64


class IntervalTrigger:
    """The first part comes one interval after `open`; a late call shifts none of the later ones."""

    def __init__(self, section: Section) -> None:
        self._step_ns = round(section.interval_ms * 1e6)
        self._next_ns: int | None = None

    @property
    def due_ns(self) -> int | None:
        """When the next part comes; None before `open`."""
        return self._next_ns

    def open(self, now_ns: int) -> None:
        """Begin to count; harmless when that has been done."""
        if self._next_ns is None:
            self._next_ns = now_ns + self._step_ns

    def poll(self, now_ns: int) -> Sequence[int]:
        """Return the moments that have passed, at most 64 at once."""
        moments: list[int] = []
        while self._next_ns is not None and self._next_ns <= now_ns and len(moments) < _AT_ONCE:
            moments.append(self._next_ns)
            self._next_ns += self._step_ns
        return moments

    def watch(self, poller: select.poll) -> None:
        """Do nothing: the clock alone counts."""

    def close(self) -> None:
        """Stop counting."""
        self._next_ns = None
