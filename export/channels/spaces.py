"""Channel spaces: channels that only stay or go together, and what a tensor is made of."""

from __future__ import annotations

from dataclasses import dataclass

# The last axis of a tensor, from first to last: one number of a space for each run of its channels.
Run = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """A tensor: what its channels are, and whether one whose producer gives zero is zero here."""

    run: Run
    silent: bool


class Spaces:
    """Spaces of channels under union-find; a locked one stays whole."""

    def __init__(self) -> None:
        self._parents: list[int] = []
        self._widths: list[int] = []
        self._locked: set[int] = set()

    def open(self, width: int, *, locked: bool = False) -> int:
        """Return the number of a new space."""
        space = len(self._parents)
        self._parents.append(space)
        self._widths.append(width)
        if locked:
            self._locked.add(space)
        return space

    def root(self, space: int) -> int:
        """Return the space that stands for all that were joined with this one."""
        while self._parents[space] != space:
            space = self._parents[space]
        return space

    def width(self, space: int) -> int:
        """Return how many channels a space has."""
        return self._widths[space]

    def length(self, run: Run) -> int:
        """Return how many channels a tensor has."""
        return sum(self._widths[space] for space in run)

    def is_locked(self, space: int) -> bool:
        """Return whether the space, or one that was joined with it, must stay whole."""
        root = self.root(space)
        return any(self.root(one) == root for one in self._locked)

    def lock(self, run: Run) -> None:
        """Let all channels of a tensor stay."""
        self._locked.update(run)

    def join(self, first: Run, second: Run) -> None:
        """Tie two tensors channel by channel; where their spaces do not match, both stay whole."""
        if [self.width(one) for one in first] != [self.width(one) for one in second]:
            self.lock(first + second)
            return
        for one, other in zip(first, second, strict=True):
            roots = sorted((self.root(one), self.root(other)))
            self._parents[roots[1]] = roots[0]
