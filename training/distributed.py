"""Training steps by tf.distribute: every replica takes its share, the gradients are added up.

Keras 3's own `fit` is not used: under MultiWorkerMirroredStrategy it fails at its first batch
(keras-team/keras#20585), and under MirroredStrategy a short last batch counts too much.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from training.batches import Batch, PictureBatches
from training.cluster import Cluster
from training.errors import RunError
from training.shares import read_ahead, read_share
from training.steps import average_statistics, build_optimizer, judging_step, learning_step

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


def mirror_devices(devices: Sequence[str] | None = None) -> Distributed:
    """Return a strategy over the devices of this machine, all its GPUs where none are named."""
    return Distributed(tf.distribute.MirroredStrategy(devices), chief=True)


def join_workers(cluster: Cluster) -> Distributed:
    """Return a strategy over the machines of a cluster, each with all its GPUs or its CPU."""
    kept = signal.getsignal(signal.SIGTERM)
    with _lost_workers():
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    # TensorFlow takes SIGTERM to announce a preemption; here it ends the process, as ever.
    signal.signal(signal.SIGTERM, kept)
    return Distributed(strategy, chief=cluster.is_chief)


class Distributed:
    """A training that several devices or machines take part in, in step."""

    def __init__(self, strategy: Any, *, chief: bool) -> None:
        # TensorFlow warns of each phase's steps being traced anew; they have to be.
        tf.get_logger().setLevel("ERROR")
        self._strategy, self._chief = strategy, chief
        self._replicas = int(strategy.num_replicas_in_sync)
        self._own = _own_replicas(strategy)
        self._model: Any = None
        self._learn: Any = None
        self._judge: Any = None

    @property
    def is_chief(self) -> bool:
        """Tell whether this process writes the run folder."""
        return self._chief

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Make a copy of every variable on each device, with the chief's first value."""
        with _lost_workers(), self._strategy.scope():
            yield

    def share(self, text: str) -> str:
        """Return the chief's text, in every process. All of them must call it."""
        content = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int32)
        with _lost_workers():
            (length,) = self._of_chief(np.array([len(content)], np.int32))
            room = content if self._chief else np.zeros(int(length), np.int32)
            shared = self._of_chief(room) if length else room
        return shared.astype(np.uint8).tobytes().decode("utf-8")

    def align(self, model: Any) -> None:
        """Give the model of every process the weights and the optimizer's state of the chief's."""
        build_optimizer(self._strategy, model)
        variables = [*model.weights, *model.optimizer.variables]
        values = [np.asarray(variable.numpy()) for variable in variables]
        # Doubles hold step counters exactly.
        flat = np.concatenate([value.ravel().astype(np.float64) for value in values])
        with _lost_workers():
            shared = self._of_chief(flat)
        ends = np.cumsum([value.size for value in values])[:-1]
        for variable, part, value in zip(variables, np.split(shared, ends), values, strict=True):
            variable.assign(part.astype(value.dtype).reshape(value.shape))

    def fit_epoch(self, model: Any, batches: PictureBatches, callback: Any) -> dict[str, float]:
        """Train one epoch and return its loss and accuracy; the callback sees every step."""
        self._take(model)
        callback.set_model(model)
        totals = _Totals()
        with _lost_workers():
            for step, (values, count) in enumerate(self._shares(batches)):
                callback.on_train_batch_begin(step)
                totals.add(count, *self._learn(*values))
                callback.on_train_batch_end(step, totals.logs())
            average_statistics(self._strategy, model)
            with self._strategy.scope():
                model.optimizer.finalize_variable_values(model.trainable_variables)
        return totals.logs()

    def check(self, model: Any, batches: PictureBatches) -> dict[str, float]:
        """Return loss and accuracy over all batches without learning from them."""
        self._take(model)
        totals = _Totals()
        with _lost_workers():
            for values, count in self._shares(batches):
                totals.add(count, *self._judge(*values))
        return totals.logs()

    def _take(self, model: Any) -> None:
        """Trace the steps of a model once."""
        if self._model is not model:
            self._model = model
            self._learn = learning_step(self._strategy, model)
            self._judge = judging_step(self._strategy, model)

    def _shares(self, batches: PictureBatches) -> Iterator[tuple[tuple[Any, ...], int]]:
        """Give the shares of this process's replicas, and the pictures of the whole batch."""

        def read(step: int) -> dict[int, Batch]:
            return {own: read_share(batches, step, own, self._replicas) for own in self._own}

        for step, parts in enumerate(read_ahead(read, len(batches), batches.workers)):
            fields = tuple(
                self._spread({replica: part[field] for replica, part in parts.items()})
                for field in range(3)
            )
            yield fields, batches.count(step)

    def _spread(self, values: dict[int, NDArray[Any]]) -> Any:
        """Put one value on each device of this process."""
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(values[context.replica_id_in_sync_group])
        )

    def _of_chief(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what the chief holds, as the sum of it and of nothing from everyone else."""
        nothing = np.zeros_like(values)
        spread = self._spread({replica: nothing if replica else values for replica in self._own})
        return np.asarray(self._strategy.reduce("SUM", spread, axis=None))


@dataclass(slots=True)
class _Totals:
    """Sums over the pictures of an epoch."""

    pictures: int = 0
    loss: float = 0.0
    right: float = 0.0

    def add(self, pictures: int, loss: Any, right: Any) -> None:
        """Count one batch by its mean loss and its right answers."""
        self.pictures += pictures
        self.loss += pictures * float(loss)
        self.right += float(right)

    def logs(self) -> dict[str, float]:
        """Return the means so far, under Keras's names."""
        pictures = max(1, self.pictures)
        return {"loss": self.loss / pictures, "accuracy": self.right / pictures}


def _own_replicas(strategy: Any) -> tuple[int, ...]:
    """Return the numbers of the replicas on this machine's devices, among all of them."""
    own: list[int] = []

    def note(context: Any) -> Any:
        own.append(int(context.replica_id_in_sync_group))
        return tf.constant(0)

    strategy.experimental_distribute_values_from_function(note)
    return tuple(own)


@contextmanager
def _lost_workers() -> Iterator[None]:
    """Turn TensorFlow's pages about a lost connection into what there is to do."""
    try:
        yield
    except _LOST as error:
        raise RunError(
            "another worker of this training is gone: read its message, then start all of them "
            "again, the first one with --resume"
        ) from error
