"""The port of relays: one output that gives a pulse when it is told to, and rests otherwise."""

from __future__ import annotations

import select
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Stroke:
    """A pulse that is due now, the parts it is for, and from when on it must not be sent."""

    parts: tuple[int, ...]
    length_ms: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command. `done` is None where nobody knows whether it was obeyed.

    `stroke` is None for a command that was no pulse; `text` says what was wrong, if anything.
    """

    stroke: Stroke | None
    done: bool | None
    text: str = ""


class Relay(Protocol):
    """One output, at rest unless a pulse is on. All calls come from the gate lane; none waits.

    A pulse is sent once, never again, whatever the answer: a repeat would be another part's.
    """

    @property
    def name(self) -> str:
        """The port, for a technician."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        ...

    @property
    def ready(self) -> bool:
        """Whether the relay is known to be there and at rest, so that pulses can be given."""
        ...

    @property
    def due_ns(self) -> int | None:
        """When `serve` has something to do without any byte coming in."""
        ...

    def open(self, now_ns: int) -> None:
        """Open the port and ask the output to rest. Raises GateError."""
        ...

    def pulse(self, stroke: Stroke, now_ns: int) -> None:
        """Send the command for one pulse. Raises PortLostError."""
        ...

    def rest(self, now_ns: int) -> None:
        """End a pulse that is on, now. Raises PortLostError."""
        ...

    def serve(self, now_ns: int, quiet_from_ns: int | None) -> Sequence[Answer]:
        """Do what is due and tell what became of commands. Raises PortLostError.

        From `quiet_from_ns` on the line must be free for a pulse.
        """
        ...

    def watch(self, poller: select.poll) -> None:
        """Let a poller wake up when the relay says something."""
        ...

    def close(self, *, lost: bool = False) -> None:
        """Leave the output at rest, as far as it can be told, and let go of the port.

        A `lost` port is closed without a word, and nothing that is unsent goes out any more.
        """
        ...
