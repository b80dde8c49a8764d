"""What the full network says of the pictures that a pruned one learns from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from bundle.manifest import InputSpec
from export.convert import to_float_tflite
from export.runtime import FlatbufferModel
from training.batches import PictureBatches

Values = NDArray[np.float32]


class Teacher:
    """The full network, asked by several threads at once.

    As a flatbuffer it needs half of the time that Keras takes, and none of the pupil's. To make one
    takes as long as a few hundred pictures: with `few` Keras is asked.
    """

    def __init__(
        self, network: Any, spec: InputSpec, log: Path, workers: int, *, few: bool = False
    ) -> None:
        """Convert the network, but for a few pictures. Raises ConvertError, ExportError."""
        feature = network.layers[-1].input
        both = keras.layers.Concatenate(name="logits_and_feature")([network.output, feature])
        self._network = keras.Model(network.input, both) if few else None
        self._labels, self.feature_size = int(network.output.shape[-1]), int(feature.shape[-1])
        self._idle: SimpleQueue[FlatbufferModel] = SimpleQueue()
        if self._network is None:
            model = to_float_tflite(keras.Model(network.input, both), spec, log)
            for _ in range(max(1, workers)):
                self._idle.put(FlatbufferModel(model))

    def answer(self, pictures: NDArray[np.uint8]) -> tuple[Values, Values]:
        """Return logits (pictures, labels) and feature: what its last layer reads, one row each.

        Raises ExportError.
        """
        if self._network is not None:
            rows = np.asarray(self._network(pictures, training=False))
        else:
            with self._borrowed() as model:
                rows = np.stack([model.logits(picture) for picture in pictures])
        return rows[:, : self._labels], rows[:, self._labels :]

    @contextmanager
    def _borrowed(self) -> Iterator[FlatbufferModel]:
        model = self._idle.get()
        try:
            yield model
        finally:
            self._idle.put(model)


class TaughtBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of (pupil's pictures, (truths, teacher's logits, teacher's feature), weights).

    The teacher sees the same pictures, varied in the same way, at its own size.
    """

    def __init__(
        self, pupil: PictureBatches, shown: PictureBatches, teacher: Teacher, workers: int
    ) -> None:
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        self._pupil, self._shown = pupil, shown
        self._teacher = teacher

    @property
    def feature_size(self) -> int:
        """Return how many numbers the teacher's feature has."""
        return self._teacher.feature_size

    def start_epoch(self, epoch: int) -> None:
        """Shuffle both alike."""
        self._pupil.start_epoch(epoch)
        self._shown.start_epoch(epoch)

    def __len__(self) -> int:
        return len(self._pupil)

    def __getitem__(self, step: int) -> Any:
        pictures, truths, weights = self._pupil[step]
        logits, feature = self._teacher.answer(self._shown[step][0])
        return pictures, (truths, logits, feature), weights
