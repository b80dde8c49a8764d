"""What a model's score hangs on: patches of the picture are blurred away, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Heat = NDArray[np.float32]
Infer = Callable[[Pixels], NDArray[np.float32]]

_PLACES = 11  # patches along each side of the picture
_PATCH_SHARE = 1 / 7
_BATCH = 32
_LEAST_DROP = 1.0  # logits; where no patch matters that much, the map stays pale


def occlusion_maps(infer: Infer, pictures: Pixels, defective: Sequence[int]) -> Heat:
    """Return a map in 0..1 for each prepared picture: how far each place holds up the score.

    A patch is blurred until a small defect in it is gone, and the drop of the defective logits
    against the others is written where the patch lay (Zeiler and Fergus, 2014). It needs no
    gradients, so it explains any model, and shows a place to a few pixels, where Grad-CAM shows a
    cell of the last feature map; it costs 121 pictures each.
    """
    return np.stack([_explain(infer, picture, defective) for picture in pictures])


def _explain(infer: Infer, picture: Pixels, defective: Sequence[int]) -> Heat:
    patches = _patches(picture.shape[:2])
    margin = _margins(infer(picture[np.newaxis]), defective)[0]
    drops = np.concatenate(
        [
            margin - _margins(infer(_hide(picture, patches[start : start + _BATCH])), defective)
            for start in range(0, len(patches), _BATCH)
        ]
    )
    total, covers = (np.zeros(picture.shape[:2], np.float32) for _ in range(2))
    for (rows, columns), drop in zip(patches, drops, strict=True):
        total[rows, columns] += drop
        covers[rows, columns] += 1.0
    held = np.maximum(total / np.maximum(covers, 1.0), 0.0)
    held = np.asarray(
        cv2.GaussianBlur(held, (0, 0), picture.shape[0] * _PATCH_SHARE / 4), np.float32
    )
    return np.asarray(held / max(float(held.max()), _LEAST_DROP), np.float32)


def _patches(size: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Return where the patches lie: they overlap, and reach every border."""
    starts = []
    for side in size:
        patch = max(1, round(side * _PATCH_SHARE))
        places = np.linspace(0, side - patch, _PLACES).round().astype(int).tolist()
        starts.append([slice(start, start + patch) for start in places])
    return [(rows, columns) for rows in starts[0] for columns in starts[1]]


def _hide(picture: Pixels, patches: Sequence[tuple[slice, slice]]) -> Pixels:
    sigma = picture.shape[0] * _PATCH_SHARE / 3.0
    blurred = cv2.GaussianBlur(picture, (0, 0), sigma).reshape(picture.shape)
    hidden = np.repeat(picture[np.newaxis], len(patches), axis=0)
    for one, (rows, columns) in zip(hidden, patches, strict=True):
        one[rows, columns] = blurred[rows, columns]
    return hidden


def _margins(logits: NDArray[np.float32], defective: Sequence[int]) -> NDArray[np.float64]:
    signs = np.full(logits.shape[-1], -1.0)
    signs[list(defective)] = 1.0
    margins: NDArray[np.float64] = np.asarray(logits, np.float64) @ signs
    return margins
