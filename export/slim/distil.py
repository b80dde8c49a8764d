"""Teaches a pruned network with the full one: its logits say more than a label does.

Two labels make one number of each picture, and a long lesson wears that out. What the last layer
reads tells by what the full network knows it, so a lesson may ask for that as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from export.slim.answers import TaughtBatches
from training.errors import DivergedError
from training.fit import cosine_rate
from training.phase_model import make_optimizer, seed_layers

_TEMPERATURE = 2.0
_NORM_MOMENTUM = 0.97
_FEW_STEPS = 8  # to build the graph of so few takes longer than they do without one


@dataclass(frozen=True, slots=True)
class Lesson:
    """How long and how fast a network learns, and how much of it from the teacher (0 to 1).

    With `norms` batch norms learn and follow the batches: after channels went, what flows through
    the network has other means than before. `from_feature` weighs the share of the teacher's
    feature that the pupil's does not tell yet, beside the loss of the answers.
    """

    name: str
    epochs: int
    learning_rate: float
    from_teacher: float = 0.7
    norms: bool = False
    from_feature: float = 0.0


class Tutor(keras.Model):  # type: ignore[misc]
    """The pupil with what it learns by.

    The loss is (1 - a) cross-entropy + a T^2 KL(teacher || pupil), both softened by T (Hinton et
    al., 2015), and what a linear layer on the pupil's feature leaves unexplained of the teacher's
    (Romero et al., ICLR 2015), which the exported network is without.
    """

    def __init__(
        self, pupil: Any, lesson: Lesson, smoothing: float, feature_size: int, seed: int
    ) -> None:
        super().__init__()
        outputs = [pupil.output]
        if lesson.from_feature > 0.0:
            first = keras.initializers.GlorotUniform(seed=seed)
            guess = keras.layers.Dense(feature_size, kernel_initializer=first)
            outputs.append(guess(pupil.layers[-1].input))
        self.taught = keras.Model(pupil.input, outputs)
        self._lesson, self._smoothing = lesson, smoothing
        self.built = True  # the weights are all there: Keras would trace the network to see it

    def call(self, inputs: Any, training: bool = False) -> Any:  # noqa: FBT001, FBT002 (Keras)
        """Return the pupil's logits, and its guess of the teacher's feature where that counts."""
        said = self.taught(inputs, training=training)
        return said if isinstance(said, list) else [said]  # Keras unwraps a list of one

    def compute_loss(
        self,
        x: Any = None,  # noqa: ARG002 (Keras)
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,  # noqa: ARG002, FBT001, FBT002 (Keras)
    ) -> Any:
        """Return the mean loss of a batch."""
        ops, share = keras.ops, self._lesson.from_teacher
        (truths, logits, feature), (answers, *guess) = y, y_pred
        truth = keras.losses.categorical_crossentropy(
            truths, answers, from_logits=True, label_smoothing=self._smoothing
        )
        taught = logits / _TEMPERATURE
        apart = ops.softmax(taught) * (
            ops.log_softmax(taught) - ops.log_softmax(answers / _TEMPERATURE)
        )
        told = _TEMPERATURE**2 * ops.sum(apart, axis=-1)
        loss = ops.mean(((1.0 - share) * truth + share * told) * sample_weight)
        for guessed in guess:
            loss += self._lesson.from_feature * _unexplained(guessed, feature)
        return loss


def _unexplained(guess: Any, feature: Any) -> Any:
    """Return the share of a feature's variance within the batch that a guess does not tell."""
    ops = keras.ops
    spread = ops.sum(ops.square(feature - ops.mean(feature, axis=0, keepdims=True)))
    return ops.sum(ops.square(guess - feature)) / (spread + keras.config.epsilon())


def teach(
    pupil: Any,
    batches: TaughtBatches,
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
    `done` epochs of the lesson were taught before the recipe was cut off: the pupil goes on, the
    layer that guesses the feature begins anew.
    """
    _open_layers(pupil, norms=lesson.norms)
    tutor = Tutor(pupil, lesson, smoothing, batches.feature_size, seed + first_epoch)
    steps = len(batches)
    optimizer = make_optimizer(lesson.learning_rate, 0.0, steps)
    eager = lesson.epochs * steps <= _FEW_STEPS
    tutor.compile(optimizer=optimizer, jit_compile=False, run_eagerly=eager)
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
                "the loss of the pruned network is not a number: look at the figures of the run "
                "that it is made of, and train that anew if they are bad"
            )
        if self._advance is not None:
            self._advance()


def _open_layers(pupil: Any, *, norms: bool) -> None:
    for layer in pupil.layers:
        norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = norms or not norm
        if norm:
            layer.momentum = _NORM_MOMENTUM
