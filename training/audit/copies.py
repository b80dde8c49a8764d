"""Byte-identical pictures, and pictures that are the same but for size, light or compression."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from training.audit.files import Scan
from training.audit.vectors import (
    Vectors,
    hash_signs,
    mirror_signs,
    row_blocks,
    thumb_vectors,
)

# On pictures of castings, all much alike, 1,380 pairs were within both limits and one part each.
MOST_BITS_APART = 16
LEAST_LIKENESS = 0.93
MOST_COPIES = 10


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two pictures (places in the scan) that differ in bytes and hardly in pixels."""

    first: int
    second: int
    bits_apart: int
    likeness: float
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Copies:
    """Sets of byte-identical pictures, and pairs of near-duplicates between distinct contents."""

    exact: tuple[tuple[int, ...], ...]
    near: tuple[NearPair, ...]


def find_copies(scan: Scan) -> Copies:
    """Return all copies, each set and pair in order of names, the likest pairs first."""
    places = defaultdict(list)
    for place, picture in enumerate(scan.pictures):
        places[picture.sha256].append(place)
    exact = sorted(tuple(each) for each in places.values() if len(each) > 1)
    return Copies(tuple(exact), _near_pairs(scan))


def _near_pairs(scan: Scan) -> tuple[NearPair, ...]:
    chosen = scan.representatives()
    contents = [scan.pictures[place].content for place in chosen]
    signs, vectors = hash_signs(contents), thumb_vectors(contents)
    turned = (mirror_signs(signs), thumb_vectors(contents, mirrored=True))
    found: dict[tuple[int, int], NearPair] = {}
    for mirrored, asked in ((False, (signs, vectors)), (True, turned)):
        for pair in _near_of(asked, (signs, vectors), chosen, mirrored=mirrored):
            known = found.get((pair.first, pair.second))
            if known is None or known.likeness < pair.likeness:
                found[pair.first, pair.second] = pair
    return tuple(sorted(found.values(), key=lambda pair: (-pair.likeness, pair.first, pair.second)))


def _near_of(
    asked: tuple[Vectors, Vectors],
    others: tuple[Vectors, Vectors],
    chosen: Sequence[int],
    *,
    mirrored: bool,
) -> Iterator[NearPair]:
    """Compare all with all; of a picture's copies only the likest ones are named."""
    bits, most = asked[0].shape[1], min(MOST_COPIES, len(chosen))
    for rows in row_blocks(len(chosen)):
        apart = (bits - asked[0][rows] @ others[0].T) / 2
        alike = np.where(apart <= MOST_BITS_APART, asked[1][rows] @ others[1].T, -1.0)
        alike[np.arange(len(alike)), np.arange(rows.start, rows.stop)] = -1.0
        best = np.argpartition(-alike, most - 1, axis=1)[:, :most]
        near = np.take_along_axis(alike, best, axis=1) >= LEAST_LIKENESS
        for row, column in np.argwhere(near).tolist():
            second = int(best[row, column])
            low, high = sorted((chosen[rows.start + row], chosen[second]))
            distance, likeness = round(float(apart[row, second])), float(alike[row, second])
            yield NearPair(low, high, distance, round(likeness, 4), mirrored)
