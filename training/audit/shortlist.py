"""Which pictures look alike enough to be compared feature by feature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.audit.features import Features, mirrored

Vectors = NDArray[np.float32]

_WORDS, _REDUCED, _LENGTH = 64, 48, 384
_PER_PICTURE, _SAMPLE = 20, 40_000
_ROWS = 512  # at a time, so that memory grows with the pictures and not with their square


@dataclass(frozen=True, slots=True)
class Signatures:
    """A unit vector (n, d) for each picture and for its mirror image."""

    plain: Vectors
    mirror: Vectors


def describe_pictures(features: Sequence[Features], seed: int = 0) -> Signatures:
    """Return one short vector a picture, near for pictures that share many local features.

    VLAD (Jegou et al., CVPR 2010) over 64 words, whitened by half as in their later work.
    """
    words = _Words(features, np.random.default_rng(seed))
    plain = np.stack([words.gather(each.descriptors) for each in features])
    mirror = np.stack([words.gather(mirrored(each).descriptors) for each in features])
    mean = plain.mean(axis=0)
    centred = plain - mean
    _, spreads, axes = np.linalg.svd(centred[:: max(1, len(centred) // 3000)], full_matrices=False)
    kept = spreads > 1e-4 * max(float(spreads[0]), 1e-9)
    turn = (axes[kept] / np.sqrt(spreads[kept])[:, None])[:_LENGTH].T
    return Signatures(_unit(centred @ turn), _unit((mirror - mean) @ turn))


def nearest_pictures(
    queries: Vectors, signatures: Vectors, most: int, classes: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return for each query the `most` nearest pictures (n, most) and how near they are.

    Query i is picture i and is never returned. With `classes` only pictures of another class than
    the query's are. Where there are too few, the rest has a nearness below -1.5.
    """
    count = len(queries)
    most = min(most, count - 1)
    places = np.empty((count, most), np.int64)
    nearness = np.empty((count, most), np.float32)
    for start in range(0, count, _ROWS):
        rows = np.arange(start, min(start + _ROWS, count))
        near = queries[rows] @ signatures.T
        near[np.arange(len(rows)), rows] = -2.0
        if classes is not None:
            near[classes[rows][:, None] == classes[None, :]] = -2.0
        best = np.argpartition(-near, most - 1, axis=1)[:, :most]
        places[rows] = best
        nearness[rows] = np.take_along_axis(near, best, axis=1)
    return places, nearness


class _Words:
    """A vocabulary of descriptors learned from a sample of all pictures."""

    def __init__(self, features: Sequence[Features], random: np.random.Generator) -> None:
        drawn = [
            each.descriptors[random.permutation(len(each.descriptors))[:_PER_PICTURE]]
            for each in features
        ]
        sample = np.concatenate(drawn)
        sample = sample[random.permutation(len(sample))[:_SAMPLE]]
        self._mean = sample.mean(axis=0) if len(sample) else np.zeros(128, np.float32)
        count = max(1, min(_WORDS, len(sample) // 8))
        if len(sample) < 2:
            sample = np.zeros((2, 128), np.float32)
        _, _, axes = np.linalg.svd(sample - self._mean, full_matrices=False)
        self._turn = axes[:_REDUCED].T
        criteria = (cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 30, 1e-4)
        cv2.setRNGSeed(0)
        reduced = np.ascontiguousarray((sample - self._mean) @ self._turn, np.float32)
        unlabelled = np.zeros((len(reduced), 1), np.int32)
        found = cv2.kmeans(reduced, count, unlabelled, criteria, 1, cv2.KMEANS_PP_CENTERS)
        self._centres = np.asarray(found[2], np.float32)

    def gather(self, descriptors: Vectors) -> Vectors:
        """Return the VLAD vector of one picture: for each word the sum of what differs from it."""
        reduced = (descriptors - self._mean) @ self._turn
        sums = np.zeros_like(self._centres)
        if len(reduced):
            distances = (self._centres**2).sum(axis=1) - 2 * reduced @ self._centres.T
            nearest = distances.argmin(axis=1)
            np.add.at(sums, nearest, reduced - self._centres[nearest])
        return np.asarray(_unit(_unit(sums).reshape(1, -1))[0], np.float32)


def _unit(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-6), np.float32)
