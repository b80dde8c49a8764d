"""What the channels of a layer are, group by group, and where those that stay lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Name of a group -> sorted indices of the channels that stay; a missing group stays whole.
Keep = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of channels of one group, all of it in order; without a group they always stay."""

    group: str | None
    width: int


Layout = tuple[Segment, ...]


def locate_segments(layout: Layout) -> Iterator[tuple[Segment, int]]:
    """Yield each segment with the place of its first channel."""
    start = 0
    for segment in layout:
        yield segment, start
        start += segment.width


def kept_places(layout: Layout, keep: Keep) -> NDArray[np.int64]:
    """Return the places along the axis that stay."""
    parts = [
        start + keep.get(segment.group or "", np.arange(segment.width))
        for segment, start in locate_segments(layout)
    ]
    return np.concatenate(parts).astype(np.int64)


def gather_group(
    layout: Layout, values: NDArray[np.float64], group: str, width: int
) -> NDArray[np.float64]:
    """Return the sum of the values of each of a group's channels over all of its copies."""
    total = np.zeros(width)
    for segment, start in locate_segments(layout):
        if segment.group == group:
            total += values[start : start + width]
    return total
