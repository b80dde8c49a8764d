"""Teaches a pruned network with the full one: its logits say more than a label does."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from training.batches import PictureBatches
from training.errors import DivergedError
from training.fit import cosine_rate
from training.phase_model import make_optimizer, seed_layers

_TEMPERATURE = 2.0
_NORM_MOMENTUM = 0.97


@dataclass(frozen=True, slots=True)
class Lesson:
    """How long and how fast a network learns, and how much of it from the teacher (0 to 1).

    With `norms` batch norms learn and follow the batches: after channels went, what flows through
    the network has other means than before.
    """

    name: str
    epochs: int
    learning_rate: float
    from_teacher: float = 0.7
    norms: bool = False


class PairedBatches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of ((pupil's pictures, teacher's pictures), truths, weights).

    Both are of the same pictures, varied in the same way, each at its own size.
    """

    def __init__(self, pupil: PictureBatches, teacher: PictureBatches, workers: int) -> None:
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=8)
        self._pupil, self._teacher = pupil, teacher

    def start_epoch(self, epoch: int) -> None:
        """Shuffle both alike."""
        self._pupil.start_epoch(epoch)
        self._teacher.start_epoch(epoch)

    def __len__(self) -> int:
        return len(self._pupil)

    def __getitem__(self, step: int) -> Any:
        inputs, truths, weights = self._pupil[step]
        shown = inputs if self._teacher is self._pupil else self._teacher[step][0]
        return (inputs, shown), truths, weights


class Tutor(keras.Model):  # type: ignore[misc]
    """The pupil with its teacher beside it; only the pupil learns.

    The loss is (1 - a) cross-entropy + a T^2 KL(teacher || pupil), both softened by T (Hinton et
    al., 2015).
    """

    def __init__(self, pupil: Any, teacher: Any, from_teacher: float, smoothing: float) -> None:
        super().__init__()
        teacher.trainable = False
        self.pupil, self.teacher = pupil, teacher
        self._share = from_teacher
        self._smoothing = smoothing

    def call(self, inputs: Any, training: bool = False) -> Any:  # noqa: FBT001, FBT002 (Keras)
        """Return the pupil's logits."""
        return self.pupil(inputs[0], training=training)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,  # noqa: ARG002, FBT001, FBT002 (Keras)
    ) -> Any:
        """Return the mean loss of a batch."""
        ops = keras.ops
        truth = keras.losses.categorical_crossentropy(
            y, y_pred, from_logits=True, label_smoothing=self._smoothing
        )
        taught = self.teacher(x[1], training=False) / _TEMPERATURE
        apart = ops.softmax(taught) * (
            ops.log_softmax(taught) - ops.log_softmax(y_pred / _TEMPERATURE)
        )
        told = _TEMPERATURE**2 * ops.sum(apart, axis=-1)
        return ops.mean(((1.0 - self._share) * truth + self._share * told) * sample_weight)


def teach(
    pupil: Any,
    teacher: Any,
    batches: PairedBatches,
    lesson: Lesson,
    *,
    seed: int,
    smoothing: float,
    first_epoch: int,
    done: int = 0,
    kept: Callable[[int], None] | None = None,
    advance: Callable[[], None] | None = None,
) -> None:
    """Train the pupil in place; `kept` hears of each epoch that is done, `advance` of each step.

    `first_epoch` numbers the epochs of the whole recipe, so that no two see the same variations;
    `done` epochs of the lesson were taught before the recipe was cut off.
    """
    _open_layers(pupil, norms=lesson.norms)
    tutor = Tutor(pupil, teacher, lesson.from_teacher, smoothing)
    steps = len(batches)
    optimizer = make_optimizer(lesson.learning_rate, 0.0, steps)
    tutor.compile(optimizer=optimizer, jit_compile=False)
    for epoch in range(done, lesson.epochs):
        batches.start_epoch(first_epoch + epoch)
        seed_layers(pupil, seed, first_epoch + epoch)
        pace = _Pace(lesson, epoch * steps, lesson.epochs * steps, advance)
        tutor.fit(batches, epochs=1, verbose=0, shuffle=False, callbacks=[pace])
        if kept is not None:
            kept(epoch + 1)


class _Pace(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate of each step: a short warm-up, then half a cosine down to zero."""

    def __init__(
        self, lesson: Lesson, first: int, steps: int, advance: Callable[[], None] | None
    ) -> None:
        super().__init__()
        self._peak, self._first, self._steps = lesson.learning_rate, first, steps
        self._advance = advance

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Set the rate."""
        rate = cosine_rate(self._peak, self._first + batch, self._steps)
        self.model.optimizer.learning_rate = np.float32(rate)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:  # noqa: ARG002
        """Count the step; stop where the loss is no number."""
        if not math.isfinite(float((logs or {}).get("loss", 0.0))):
            raise DivergedError(
                "the loss of the pruned network is not a number: lower the learning rates"
            )
        if self._advance is not None:
            self._advance()


def _open_layers(pupil: Any, *, norms: bool) -> None:
    for layer in pupil.layers:
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = norms or not norm
        if norm:
            layer.momentum = _NORM_MOMENTUM
