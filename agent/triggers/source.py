"""The port of trigger sources: moments at which a part met the camera."""

from __future__ import annotations

import select
from collections.abc import Sequence
from typing import Protocol


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
