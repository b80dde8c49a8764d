"""The port of trigger sources: moments at which a part met the camera."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from agent.records import Frame


class TriggerSource(Protocol):
    """Tells when a part came. All calls come from the gate lane; the gate numbers the parts."""

    @property
    def due_ns(self) -> int | None:
        """When the next part is known to come; None where only `watch` can tell."""
        ...

    def open(self, now_ns: int) -> None:
        """Begin; what came before does not count. Raises GateError."""
        ...

    def poll(self, now_ns: int) -> Sequence[int]:
        """Return the moments of the parts that came since the last call, in order.

        Raises GateError when the source is lost.
        """
        ...

    def watch(self, poller: select.poll) -> None:
        """Let a poller wake up when a part comes."""
        ...

    def close(self) -> None:
        """Let go of everything; harmless when it is not open."""
        ...


@runtime_checkable
class Onlooker(Protocol):
    """What sees every frame as it comes. All calls come from the capture lane; none waits."""

    def attach(self, wake: Callable[[], None]) -> None:
        """Name what to call when something was found. Called once, before the first frame."""
        ...

    def see(self, frame: Frame) -> None:
        """Look at the next frame of the camera, which is not to be kept."""
        ...

    def blind(self, why: str) -> None:
        """Learn that the camera shows nothing just now."""
        ...
