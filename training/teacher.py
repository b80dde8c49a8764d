"""A finished run teaches another network: its scores stand beside the labels."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bundle.manifest import InputSpec
from training.batches import Batch, PictureBatches
from training.dataset import Split
from training.errors import OptionError, RunError
from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Teacher:
    """A trained network, the input it takes, and how much of the truth is its word (0 to 1)."""

    network: Any
    spec: InputSpec
    share: float


def open_teacher(run: Path, labels: Sequence[str], split: Split, share: float) -> Teacher:
    """Load the network of a finished run that has not learned what its pupil is judged by.

    A teacher hands on what it has seen: a figure from a picture that it learned would flatter the
    pupil as well. Raises OptionError, RunError.
    """
    folder = RunFolder(run)
    card = folder.read_card()
    if tuple(card.labels) != tuple(labels):
        raise OptionError(
            f"the teacher {run} knows the labels {', '.join(card.labels)}, this data has "
            f"{', '.join(labels)}: take a run on the same classes"
        )
    seen = {picture.sha256 for picture in folder.read_pictures().training}
    leaked = sum(picture.sha256 in seen for picture in (*split.validation, *split.test))
    if leaked:
        raise OptionError(
            f"the teacher {run} has learned {leaked} pictures that this run is validated or tested "
            "with: take a teacher of the same split"
        )
    try:
        network = keras.saving.load_model(folder.model_path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RunError(f"cannot load the teacher {folder.model_path}: {error}") from error
    network.trainable = False
    return Teacher(network, card.input, share)


class TaughtBatches(PictureBatches):
    """Batches whose truth is partly what the teacher says of the very same, varied pictures.

    The truth is (1 - a) label + a softmax(teacher), so that cross-entropy with it is that of Hinton
    et al. (2015) at a temperature of 1.
    """

    def __init__(self, *given: Any, teacher: Teacher, **options: Any) -> None:
        super().__init__(*given, **options)
        root, pictures, _, labels = given
        self._teacher = teacher
        self._shown = PictureBatches(root, pictures, teacher.spec, labels, **options)
        self._turn = threading.Lock()  # several readers; one alone has the teacher

    def start_epoch(self, epoch: int) -> None:
        """Shuffle for this epoch, the teacher's pictures alike."""
        super().start_epoch(epoch)
        self._shown.start_epoch(epoch)

    def rows(self, step: int, rows: Sequence[int]) -> Batch:
        """Return some rows of a batch, with what the teacher says of them."""
        inputs, truths, weights = super().rows(step, rows)
        shown = inputs if self._teacher.spec == self._spec else self._shown.rows(step, rows)[0]
        with self._turn:
            logits = self._teacher.network.predict_on_batch(shown)
        said = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
        share = self._teacher.share
        return inputs, ((1.0 - share) * truths + share * said).astype(np.float32), weights
