"""The circuit that watches a gate's RTS or DTR line, as docs/gates.md asks for it, in numbers.

It knows nothing of the driver: it is given the line's levels with their times, as the wire has
them, and says when the gate was let open.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

NEEDED = 3  # edges


def edges_of(levels: Sequence[tuple[int, bool]], rest: bool = False) -> list[int]:
    """Return when the line changed; `rest` is how it stood before."""
    line = [(0, rest), *levels]
    return [at_ns for (_, before), (at_ns, after) in pairwise(line) if before != after]


def open_times(edges: Sequence[int], hold_ns: int) -> list[tuple[int, int]]:
    """Return from when to when the gate is let open.

    The third of edges that follow each other within `hold_ns` opens it, and it lets go so long
    after the last one.
    """
    spans: list[tuple[int, int]] = []
    count = 0
    for place, at_ns in enumerate(edges):
        count = count + 1 if place and at_ns - edges[place - 1] <= hold_ns else 1
        if count > NEEDED:
            spans[-1] = (spans[-1][0], at_ns + hold_ns)
        elif count == NEEDED:
            spans.append((at_ns, at_ns + hold_ns))
    return spans
