"""A trigger by hand, for gates without a photo-eye: the technician says when a part is there."""

from __future__ import annotations

import select
from collections.abc import Sequence


class HandTrigger:
    """Tells the parts that `part` was called for. All calls come from one thread."""

    def __init__(self) -> None:
        self._moments: list[int] = []

    def part(self, now_ns: int) -> None:
        """Let a part be at the camera now."""
        self._moments.append(now_ns)

    @property
    def due_ns(self) -> int | None:
        """Return None: only a person knows."""
        return None

    def open(self, now_ns: int) -> None:
        """Begin; what came before does not count."""
        del now_ns
        self._moments.clear()

    def poll(self, now_ns: int) -> Sequence[int]:
        """Return the moments since the last call."""
        del now_ns
        moments, self._moments = self._moments, []
        return moments

    def watch(self, poller: select.poll) -> None:
        """Do nothing: there is nothing to wait for."""

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
