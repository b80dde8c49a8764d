"""Pictures of the same physical part, found by local features and a geometric check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from training.audit.features import Features, find_features, mirrored
from training.audit.shortlist import Signatures, describe_pictures, nearest_pictures

Advance = Callable[[int], None]
Pair = tuple[int, int, bool]

# Different parts under one lamp share rings, vanes and reflections: on the casting pictures up to
# some thirty inliers. Copies share sixty and more, strongly turned ones of drawn parts thirty to
# forty. A link too many makes a split coarser and stays safe; a missing one is a leak.
LEAST_INLIERS = 33

NEIGHBOURS = 40
STRANGERS = 12
ROUNDS = 2
STEPS = 2 + ROUNDS
CONTROL_PICTURES, CONTROL_NEIGHBOURS = 1000, 8

_LEAST_SIMILARITY = 0.8
_REACH_PX = 4.0
_LEAST_STRETCH, _MOST_STRETCH = 0.55, 1.8
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Link:
    """Two pictures of one part: how many features agree with one affine map between them."""

    first: int
    second: int
    inliers: int
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Control:
    """Pairs with different labels, which should not be one part, and how many were linked.

    `strong` of the linked have twice the inliers that a link needs: they are one part under two
    labels. The others are what the geometric check may get wrong.
    """

    pairs: int
    linked: int
    strong: int


@dataclass(frozen=True, slots=True)
class PartGroups:
    """The part of each picture, numbered from 0 by first appearance; links; the control."""

    part_of: tuple[int, ...]
    links: tuple[Link, ...]
    control: Control


def group_parts(
    frames: Callable[[int], NDArray[np.uint8]],
    labels: Sequence[str],
    advance: Advance,
    workers: int = 2,
) -> PartGroups:
    """Group pictures by the physical part that they show, also turned, sheared and mirrored.

    `frames(i)` returns picture i; `advance` is told how many of the len(labels) pictures are done
    with one of STEPS steps, so it adds up to STEPS times their number. Pictures need not share a
    size.
    """
    # The matrix products are small: their own threads would only stand in the way of ours.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(workers) as pool:
        features = list(_each(pool, lambda i: find_features(frames(i)), len(labels), advance))
        matcher = _Matcher(features, pool)
        signatures = describe_pictures(features)
        groups = _Groups(len(labels))
        pairs = _candidates(signatures, NEIGHBOURS, groups, apart=False)
        links = _link_all(matcher, groups, pairs, len(labels), advance)
        for _ in range(ROUNDS):
            # The nearest ones outside a picture's own group: the same part, photographed anew.
            pairs = _candidates(signatures, STRANGERS, groups, apart=True)
            links.extend(_link_all(matcher, groups, pairs, len(labels), advance))
        control = _control(matcher, signatures, labels)
    return PartGroups(groups.numbers(), tuple(links), control)


def match_features(first: Features, second: Features) -> int:
    """Return how many features agree with one affine map from the first picture to the second.

    Nearest neighbours both ways, then RANSAC. A map that mirrors, or stretches beyond what turning,
    zoom and shear of a photograph do, counts as none.
    """
    if min(len(first.points), len(second.points)) < LEAST_INLIERS:
        return 0
    near = first.descriptors @ second.descriptors.T
    there = near.argmax(axis=1)
    rows = np.arange(len(there))
    kept = (near.argmax(axis=0)[there] == rows) & (near[rows, there] > _LEAST_SIMILARITY)
    if int(kept.sum()) < LEAST_INLIERS:
        return 0
    affine, inliers = cv2.estimateAffine2D(
        first.points[kept], second.points[there[kept]], method=cv2.RANSAC,
        ransacReprojThreshold=_REACH_PX, maxIters=500, confidence=0.99,
    )  # fmt: skip
    if affine is None or np.linalg.det(affine[:, :2]) <= 0:
        return 0
    stretches = np.linalg.svd(affine[:, :2], compute_uv=False)
    if stretches[0] > _MOST_STRETCH or stretches[1] < _LEAST_STRETCH:
        return 0
    return int(inliers.sum())


class _Matcher:
    """Compares pairs of pictures, some at a time."""

    def __init__(self, features: list[Features], pool: ThreadPoolExecutor) -> None:
        self._features, self._pool = features, pool

    def compare(self, pairs: Sequence[Pair]) -> list[int]:
        """Return the inliers of each pair, the first mirrored where the pair says so."""
        return list(self._pool.map(self._compare, pairs))

    def _compare(self, pair: Pair) -> int:
        first, second, mirror = pair
        features = self._features[first]
        return match_features(mirrored(features) if mirror else features, self._features[second])


class _Groups:
    """Disjoint sets of pictures."""

    def __init__(self, count: int) -> None:
        self._above = list(range(count))

    def find(self, place: int) -> int:
        """Return what stands for the group of a picture."""
        while self._above[place] != place:
            self._above[place] = self._above[self._above[place]]
            place = self._above[place]
        return place

    def join(self, first: int, second: int) -> None:
        """Make one group of two; the smaller number stands for it."""
        low, high = sorted((self.find(first), self.find(second)))
        self._above[high] = low

    def labels(self) -> NDArray[np.int64]:
        """Return what stands for each picture's group."""
        return np.array([self.find(place) for place in range(len(self._above))], np.int64)

    def numbers(self) -> tuple[int, ...]:
        """Return the groups numbered by first appearance."""
        seen: dict[int, int] = {}
        return tuple(seen.setdefault(self.find(i), len(seen)) for i in range(len(self._above)))


def _link_all(
    matcher: _Matcher, groups: _Groups, pairs: Sequence[Pair], count: int, advance: Advance
) -> list[Link]:
    """Compare pairs in their order; `advance` adds up to `count`."""
    links, told = list[Link](), 0
    for start in range(0, len(pairs), _CHUNK):
        links.extend(_link(matcher, groups, pairs[start : start + _CHUNK]))
        done = count * min(start + _CHUNK, len(pairs)) // len(pairs)
        advance(done - told)
        told = done
    advance(count - told)
    return links


def _link(matcher: _Matcher, groups: _Groups, pairs: Sequence[Pair]) -> list[Link]:
    """Compare those pairs that are not in one group already, and join what belongs together."""
    asked = [pair for pair in pairs if groups.find(pair[0]) != groups.find(pair[1])]
    links = []
    for (first, second, mirror), inliers in zip(asked, matcher.compare(asked), strict=True):
        if inliers >= LEAST_INLIERS:
            groups.join(first, second)
            links.append(Link(first, second, inliers, mirror))
    return links


def _candidates(signatures: Signatures, most: int, groups: _Groups, *, apart: bool) -> list[Pair]:
    """Return pairs worth comparing, the likeliest first, each once."""
    if len(signatures.plain) < 2:
        return []
    classes = groups.labels() if apart else None
    nearness: dict[Pair, float] = {}
    for mirror, queries in ((False, signatures.plain), (True, signatures.mirror)):
        places, near = nearest_pictures(queries, signatures.plain, most, classes)
        for first, (row, values) in enumerate(zip(places.tolist(), near.tolist(), strict=True)):
            for second, value in zip(row, values, strict=True):
                if value > -1.5:
                    pair = (min(first, second), max(first, second), mirror)
                    nearness[pair] = max(value, nearness.get(pair, -2.0))
    return sorted(nearness, key=lambda pair: (-nearness[pair], pair))


def _control(matcher: _Matcher, signatures: Signatures, labels: Sequence[str]) -> Control:
    """Compare pictures with their nearest ones of another label."""
    names = {label: place for place, label in enumerate(sorted(set(labels)))}
    if len(names) < 2:
        return Control(0, 0, 0)
    classes = np.array([names[label] for label in labels], np.int64)
    step = max(1, len(labels) // CONTROL_PICTURES)
    pairs: list[Pair] = []
    for mirror, queries in ((False, signatures.plain), (True, signatures.mirror)):
        places, near = nearest_pictures(queries, signatures.plain, CONTROL_NEIGHBOURS, classes)
        for first in range(0, len(labels), step):
            row = zip(places[first].tolist(), near[first].tolist(), strict=True)
            pairs.extend((first, second, mirror) for second, value in row if value > -1.5)
    inliers = np.array(matcher.compare(pairs), np.int64)
    linked, strong = inliers >= LEAST_INLIERS, inliers >= 2 * LEAST_INLIERS
    return Control(len(pairs), int(linked.sum()), int(strong.sum()))


def _each(
    pool: ThreadPoolExecutor, work: Callable[[int], Features], count: int, advance: Advance
) -> Iterator[Features]:
    for result in pool.map(work, range(count)):
        advance(1)
        yield result
