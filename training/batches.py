"""Indexed pictures -> batches for Keras; the same code whatever its backend is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from bundle.manifest import InputSpec
from bundle.prepare import prepare_frame
from training.augment import augment_picture
from training.blemish import add_defect
from training.config import Augmentation
from training.dataset import Picture
from training.pictures import load_picture
from training.relight import relight_like

Batch = tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Drawing:
    """An epoch of so many pictures, each drawn with its own chance."""

    pictures: int
    shares: NDArray[np.float64]


def draw_evenly(pictures: Sequence[Picture], parts: Sequence[int | None], count: int) -> Drawing:
    """Return a drawing in which labels, and parts within a label, weigh the same.

    A part photographed three hundred times is still one part. A picture whose part is not known
    counts as a part of its own.
    """
    keys = [
        (picture.label, picture.name if part is None else part)
        for picture, part in zip(pictures, parts, strict=True)
    ]
    copies = Counter(keys)
    parts_of = Counter(label for label, _ in copies)
    shares = np.array([1.0 / (copies[key] * parts_of[key[0]]) for key in keys])
    return Drawing(count, shares / shares.sum())


class PictureBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of (pictures, one-hot labels, sample weights).

    Reading, preparing and varying a 224-pixel picture takes about 1 ms, twenty to fifty times less
    than one step of training spends on it, so threads are enough and tf.data is not needed.
    A picture is varied by a generator of (seed, epoch, its place in the epoch), never by what ran
    before.
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
        drawing: Drawing | None = None,
        defective: Sequence[str] = (),
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        self._root, self._pictures, self._spec = root, tuple(pictures), spec
        self._places = {label: place for place, label in enumerate(labels)}
        self._batch, self._seed, self._augmentation = batch, seed, augmentation
        self._weights = dict.fromkeys(labels, 1.0) if weights is None else dict(weights)
        self._epoch, self._drawing = 0, drawing
        self._bad = np.array([label in defective for label in labels])
        count = len(self._pictures) if drawing is None else drawing.pictures
        self._order = np.arange(count) % len(self._pictures)

    def start_epoch(self, epoch: int) -> None:
        """Shuffle for this epoch of the whole run; the same number gives the same batches."""
        self._epoch = epoch
        shuffler = np.random.default_rng((self._seed, epoch))
        if self._drawing is None:
            self._order = shuffler.permutation(len(self._pictures))
        else:
            shares = self._drawing.shares
            self._order = shuffler.choice(len(shares), self._drawing.pictures, p=shares)

    @property
    def epoch_pictures(self) -> int:
        """Return how many pictures one epoch has."""
        return len(self._order)

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch)

    def __getitem__(self, step: int) -> Batch:
        return self.rows(step, range(self.count(step)))

    def count(self, step: int) -> int:
        """Return how many pictures a batch has: the last one of an epoch may be short."""
        return min(self._batch, len(self._order) - step * self._batch)

    def rows(self, step: int, rows: Sequence[int]) -> Batch:
        """Return some rows of a batch: what one of several replicas learns from."""
        spec = self._spec
        inputs = np.empty((len(rows), spec.height, spec.width, spec.channels), np.uint8)
        truths = np.zeros((len(rows), len(self._places)), np.float32)
        weights = np.ones(len(rows), np.float32)
        for place, row in enumerate(rows):
            number = step * self._batch + row
            picture = self._pictures[self._order[number]]
            inputs[place], spoiled = self._read(picture, number)
            truths[place] = self._truth(picture.label, spoiled=spoiled)
            weights[place] = self._weight(picture.label, spoiled=spoiled)
        return inputs, truths, weights

    def _read(self, picture: Picture, place: int) -> tuple[NDArray[np.uint8], bool]:
        """Return a picture as it is learned from, and whether a defect was drawn on it."""
        pixels = prepare_frame(load_picture(self._root / picture.name), self._spec)
        options = self._augmentation
        if options is None:
            return pixels, False
        random = np.random.default_rng((self._seed, self._epoch, place))
        spoiled = self._is_good(picture.label) and random.random() < options.defects
        if spoiled:
            pixels = add_defect(pixels, (options.defects_from, options.defects_to), random)
        if random.random() < options.relight:
            other = self._pictures[int(random.integers(len(self._pictures)))]
            like = prepare_frame(load_picture(self._root / other.name), self._spec)
            pixels = relight_like(pixels, like, random)
        return augment_picture(pixels, options, random), spoiled

    def _is_good(self, label: str) -> bool:
        """Tell whether parts of a label are known to be good."""
        return bool(self._bad.any()) and not self._bad[self._places[label]]

    def _truth(self, label: str, *, spoiled: bool) -> NDArray[np.float32]:
        """Return the label as shares; a drawn defect is of no kind in particular."""
        if spoiled:
            return np.asarray(self._bad / self._bad.sum(), np.float32)
        truth = np.zeros(len(self._bad), np.float32)
        truth[self._places[label]] = 1.0
        return truth

    def _weight(self, label: str, *, spoiled: bool) -> float:
        """Return a picture's weight; good ones make up for those of them that were spoiled."""
        weight = self._weights[label]
        if self._augmentation is None or spoiled or not self._is_good(label):
            return weight
        return weight / (1.0 - self._augmentation.defects)


def class_weights(pictures: Sequence[Picture], labels: Sequence[str]) -> dict[str, float]:
    """Return weights that make every label count the same, and one on average."""
    counts = {label: sum(picture.label == label for picture in pictures) for label in labels}
    return {label: len(pictures) / (len(labels) * counts[label]) for label in labels}
