"""When the next thing is due, of several that may never be."""

from __future__ import annotations

from collections.abc import Sequence


def earliest(dues: Sequence[int | None]) -> int | None:
    """Return the least; None where none is due at all."""
    return min((due for due in dues if due is not None), default=None)
