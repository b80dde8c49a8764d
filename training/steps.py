"""What every replica does in one step, written for tf.distribute: learn, judge, agree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

# Given the pictures, truths and weights of each replica, the mean loss and the right answers.
Step = Callable[[Any, Any, Any], tuple[Any, Any]]


def build_optimizer(strategy: Any, model: Any) -> None:
    """Make the optimizer's variables: inside a step of several replicas TensorFlow could not."""
    if not model.optimizer.built:
        with strategy.scope():
            model.optimizer.build(model.trainable_variables)


def learning_step(strategy: Any, model: Any) -> Step:
    """Return a step that changes the weights of a compiled model, the same on every replica."""
    build_optimizer(strategy, model)
    for layer in _norms(model):
        # A share is a small batch: its own statistics would be poor ones, and not those of one.
        layer.synchronized = True
    replicas = strategy.num_replicas_in_sync

    def learn(inputs: Any, truths: Any, weights: Any) -> tuple[Any, Any]:
        with tf.GradientTape() as tape:
            logits = model(inputs, training=True)
            loss = _weighed(model, truths, logits, weights) + _penalty(model) / replicas
            scaled = model.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, model.trainable_weights)
        gradients = _agree_on_gradients(model.optimizer, gradients)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss, _right(truths, logits)

    return _over_replicas(strategy, learn)


def judging_step(strategy: Any, model: Any) -> Step:
    """Return a step that changes nothing."""
    replicas = strategy.num_replicas_in_sync

    def judge(inputs: Any, truths: Any, weights: Any) -> tuple[Any, Any]:
        logits = model(inputs, training=False)
        loss = _weighed(model, truths, logits, weights) + _penalty(model) / replicas
        return loss, _right(truths, logits)

    return _over_replicas(strategy, judge)


def average_statistics(strategy: Any, model: Any) -> None:
    """Give every replica the mean of the batch statistics that each has seen in its share."""
    statistics = [
        variable
        for layer in _norms(model)
        for variable in (layer.moving_mean, layer.moving_variance)
    ]
    if not statistics or strategy.num_replicas_in_sync == 1:
        return

    def average() -> None:
        context = tf.distribute.get_replica_context()
        means = context.all_reduce("MEAN", [tf.identity(each.value) for each in statistics])
        for variable, mean in zip(statistics, means, strict=True):
            variable.assign(mean)

    tf.function(lambda: strategy.run(average))()


def _norms(model: Any) -> list[Any]:
    """Return the layers whose statistics follow the batches."""
    kind = keras.layers.BatchNormalization
    return [layer for layer in model.layers if isinstance(layer, kind) and layer.trainable]


def _over_replicas(strategy: Any, step: Step) -> Step:
    def run(inputs: Any, truths: Any, weights: Any) -> tuple[Any, Any]:
        loss, right = strategy.run(step, args=(inputs, truths, weights))
        return (
            strategy.reduce("SUM", loss, axis=None),
            strategy.reduce("SUM", right, axis=None),
        )

    traced: Step = tf.function(run, reduce_retracing=True)
    return traced


def _weighed(model: Any, truths: Any, logits: Any, weights: Any) -> Any:
    """Return the loss of a share; the weights hold the division by the whole batch already."""
    return tf.reduce_sum(model.loss.call(truths, tf.cast(logits, tf.float32)) * weights)


def _penalty(model: Any) -> Any:
    """Return what the layers themselves add to the loss, the same on every replica."""
    return tf.add_n(model.losses) if model.losses else tf.constant(0.0)


def _right(truths: Any, logits: Any) -> Any:
    """Count right answers; a row that only fills up has no truth to agree with."""
    answers = tf.one_hot(tf.argmax(logits, axis=-1), truths.shape[-1], dtype=truths.dtype)
    return tf.reduce_sum(answers * truths)


def _agree_on_gradients(optimizer: Any, gradients: list[Any]) -> list[Any]:
    """Add up the gradients before an optimizer that looks at them: is one not finite, all skip.

    Keras's loss scaling decides on each replica by its own share, and where they differ the
    replicas would wait for one another for ever. The inner optimizer adds up once more: divide.
    """
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return gradients
    context = tf.distribute.get_replica_context()
    summed = context.all_reduce("SUM", gradients)
    return [gradient / context.num_replicas_in_sync for gradient in summed]
