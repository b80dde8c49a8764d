"""Thumbnails as vectors that light and contrast do not change, and how alike any two are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from training.audit.measures import HASH_ROWS, THUMB_PX, Content

Vectors = NDArray[np.float32]

ROWS = 512  # at a time, so that memory grows with the pictures and not with their square

# The average picture is trusted the more, the more pictures it is made of.
_PRIOR_PICTURES = 20


def light_vectors(contents: Sequence[Content]) -> Vectors:
    """Return a unit vector (n, 1024) for each thumbnail, without its brightness and contrast."""
    thumbs = _thumbs(contents)
    return _unit(thumbs - thumbs.mean(axis=1, keepdims=True))


def thumb_vectors(contents: Sequence[Content], *, mirrored: bool = False) -> Vectors:
    """Return a unit vector (n, 1024) for each picture, of what sets it apart from the average.

    With `mirrored` the vectors are those which the
    pictures' mirror images would have among the same others. Where nothing is left it is zero.
    """
    rows = light_vectors(contents)
    average = rows.mean(axis=0) * (len(rows) / (len(rows) + _PRIOR_PICTURES))
    if mirrored:
        rows = rows.reshape(-1, THUMB_PX, THUMB_PX)[:, :, ::-1].reshape(len(rows), -1)
    return _unit(rows - average)


def hash_signs(contents: Sequence[Content]) -> Vectors:
    """Return the difference hashes as rows of -1 and 1: a product counts the bits that agree."""
    packed = np.frombuffer(b"".join(each.bits for each in contents), np.uint8)
    bits = np.unpackbits(packed.reshape(len(contents), -1), axis=1)
    return np.asarray(bits * 2.0 - 1.0, np.float32)


def mirror_signs(signs: Vectors) -> Vectors:
    """Return the signs that the mirror images would have: order and direction both turn round."""
    return np.asarray(-signs.reshape(-1, HASH_ROWS, HASH_ROWS)[:, :, ::-1], np.float32).reshape(
        len(signs), -1
    )


def row_blocks(count: int) -> Iterator[slice]:
    """Cut the rows 0..count into blocks."""
    for start in range(0, count, ROWS):
        yield slice(start, min(start + ROWS, count))


def _thumbs(contents: Sequence[Content]) -> Vectors:
    joined = np.frombuffer(b"".join(each.thumb for each in contents), np.uint8)
    return joined.reshape(len(contents), -1).astype(np.float32)


def _unit(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.where(lengths > 1e-3, rows / np.maximum(lengths, 1e-3), 0.0), np.float32)
