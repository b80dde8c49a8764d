"""Measures the delay: the gate's photo-eye says when a part comes, a key when it is at the gate."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Sequence
from typing import Protocol, TextIO

from agent.clock import Clock
from agent.config.document import Config
from agent.drivers import open_gate
from agent.errors import ConfigError
from agent.ports import Gate
from agent.records import GateNotice, Trigger
from agent.setup.delay import pair

# Longer than any part is on its way here, so that no outcome is due while we measure.
LONG_DELAY_MS = 60_000.0
POLL_S = 0.005
PATIENCE_S = 300.0


class Marks(Protocol):
    """Tells when a part was at the gate."""

    def take(self, now_ns: int) -> Sequence[int]:
        """Return the moments since the last call; never waits."""
        ...


class KeyMarks:
    """The Enter key of a terminal. What is typed ahead of a call counts at the call."""

    def __init__(self, stream: TextIO) -> None:
        self._number = stream.fileno()

    def take(self, now_ns: int) -> Sequence[int]:
        """Return `now_ns` once for each line that was typed. Raises ConfigError at the end."""
        if not select.select([self._number], [], [], 0)[0]:
            return ()
        typed = os.read(self._number, 4096)
        if not typed:
            raise ConfigError("the terminal is closed: nobody can press Enter")
        return [now_ns] * typed.count(b"\n")


def gate_to_measure_with(config: Config, clock: Clock) -> Gate:
    """Return the configured gate, with a delay so long that no part meets it meanwhile."""
    timing = config.timing.model_copy(update={"delay_ms": LONG_DELAY_MS})
    return open_gate(config.gate, timing, config.belt, clock)


def measure(
    gate: Gate,
    marks: Marks,
    parts: int,
    clock: Clock,
    tell: Callable[[str], None],
    patience_s: float = PATIENCE_S,
) -> list[float]:
    """Return how long `parts` parts took, in milliseconds; no part is ever let through.

    Raises GateError when the gate cannot be opened, ConfigError when too few parts came.
    """
    gate.open()
    try:
        return _collect(gate, marks, parts, clock, tell, patience_s)
    finally:
        gate.close()


def _collect(
    gate: Gate,
    marks: Marks,
    parts: int,
    clock: Clock,
    tell: Callable[[str], None],
    patience_s: float,
) -> list[float]:
    seen: list[int] = []
    marked: list[int] = []
    taken: list[float] = []
    end_ns = clock.now_ns() + round(patience_s * 1e9)
    while len(taken) < parts:
        if clock.now_ns() > end_ns:
            raise ConfigError(f"only {len(taken)} of {parts} parts within {patience_s:g} s: again")
        seen += _seen(gate, tell)
        marked += marks.take(clock.now_ns())
        known, taken = len(taken), pair(seen, marked)
        for number, one in enumerate(taken[known:], known + 1):
            tell(f"part {number} of {parts}: {one:.0f} ms")
    return taken[:parts]


def _seen(gate: Gate, tell: Callable[[str], None]) -> list[int]:
    seen = []
    for event in gate.poll(POLL_S):
        if isinstance(event, Trigger):
            gate.recorded(event)  # else the controller repeats it
            seen.append(event.at_ns)
            tell("a part at the photo-eye: press Enter when it is at the gate")
        elif isinstance(event, GateNotice):
            # Its own words are that parts can be passed, which none is while we measure.
            tell("the gate controller answers" if event.kind == "gate_back" else event.text)
    return seen
