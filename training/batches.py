"""Indexed pictures -> batches for Keras; the same code whatever its backend is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from bundle.manifest import InputSpec
from bundle.prepare import prepare_frame
from training.augment import augment_picture
from training.config import Augmentation
from training.dataset import Picture
from training.pictures import load_picture

Batch = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]


class PictureBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of (pictures, one-hot labels, sample weights).

    Reading, preparing and varying a 224-pixel picture takes about 1 ms, twenty to fifty times less
    than one step of training spends on it, so threads are enough and tf.data is not needed.
    A picture is varied by a generator of (seed, epoch, place), never by what ran before.
    """

    def __init__(
        self,
        root: Path,
        pictures: Sequence[Picture],
        spec: InputSpec,
        labels: Sequence[str],
        *,
        batch: int,
        seed: int = 0,
        weights: Mapping[str, float] | None = None,
        augmentation: Augmentation | None = None,
        workers: int = 1,
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        self._root, self._pictures, self._spec = root, tuple(pictures), spec
        self._places = {label: place for place, label in enumerate(labels)}
        self._batch, self._seed, self._augmentation = batch, seed, augmentation
        self._weights = dict.fromkeys(labels, 1.0) if weights is None else dict(weights)
        self._epoch = 0
        self._order = np.arange(len(self._pictures))

    def start_epoch(self, epoch: int) -> None:
        """Shuffle for this epoch of the whole run; the same number gives the same batches."""
        self._epoch = epoch
        shuffler = np.random.default_rng((self._seed, epoch))
        self._order = shuffler.permutation(len(self._pictures))

    def __len__(self) -> int:
        return math.ceil(len(self._pictures) / self._batch)

    def __getitem__(self, step: int) -> Batch:
        places = self._order[step * self._batch : (step + 1) * self._batch]
        spec = self._spec
        inputs = np.empty((len(places), spec.height, spec.width, spec.channels), np.uint8)
        truths = np.zeros((len(places), len(self._places)), np.float32)
        weights = np.ones(len(places), np.float32)
        for row, place in enumerate(places):
            picture = self._pictures[place]
            inputs[row] = self._read(picture, int(place))
            truths[row, self._places[picture.label]] = 1.0
            weights[row] = self._weights[picture.label]
        return inputs, truths, weights

    def _read(self, picture: Picture, place: int) -> NDArray[np.uint8]:
        pixels = prepare_frame(load_picture(self._root / picture.name), self._spec)
        if self._augmentation is None:
            return pixels
        random = np.random.default_rng((self._seed, self._epoch, place))
        return augment_picture(pixels, self._augmentation, random)


def class_weights(pictures: Sequence[Picture], labels: Sequence[str]) -> dict[str, float]:
    """Return weights that make every label count the same, and one on average."""
    counts = {label: sum(picture.label == label for picture in pictures) for label in labels}
    return {label: len(pictures) / (len(labels) * counts[label]) for label in labels}
