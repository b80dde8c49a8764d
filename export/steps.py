"""Where an export says what it is doing."""

from __future__ import annotations

from typing import Protocol


class Steps(Protocol):
    """Takes steps in words, and their progress."""

    def step(self, text: str, total: int | None = None) -> None:
        """Begin a step; with `total` it calls `advance` that many times."""
        ...

    def advance(self) -> None:
        """Say that one picture, or one step of those announced, is done."""
        ...
