"""The model of one phase: what learns in it, how fast, and with what it goes on."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from bundle.manifest import InputSpec
from training.config import Phase, TrainOptions
from training.errors import OptionError
from training.networks.catalogue import build_network, find_network
from training.precision import choose_precision, keep_logits, use_precision

# MobileNetV2 comes with 0.999: averages over more steps than a fine-tuning has.
_NORM_MOMENTUM = 0.97
_FEWEST_AVERAGED = 20
_SEED_STATE = "seed_generator_state"


def build_phase_model(
    options: TrainOptions,
    phase: Phase,
    spec: InputSpec,
    labels: int,
    weights: str | None = None,
    kept: Any = None,
    steps: int = 1,
) -> Any:
    """Return the compiled model of a phase, with the weights of a `kept` model where there is one.

    `steps` is how many an epoch has.

    Raises OptionError where these do not fit, WeightsError for initial `weights` that do not.
    """
    with use_precision(choose_precision(options.precision)):
        model = keep_logits(build_network(options.model, spec, labels, weights))
    if kept is not None:
        take_weights(model, kept, phase)
    choose_layers(model, phase, find_network(options.model).upper)
    model.compile(
        optimizer=make_optimizer(phase.learning_rate, options.weight_decay, steps),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=options.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    return model


def take_optimizer(model: Any, kept: Any) -> None:
    """Give the model's optimizer the state of a kept one: it goes on in the middle of a phase."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    ours, theirs = model.optimizer.variables, kept.optimizer.variables
    for variable, value in zip(ours, theirs, strict=True):
        variable.assign(keras.ops.convert_to_numpy(value))


def seed_layers(model: Any, seed: int, epoch: int) -> None:
    """Set what dropout draws from, by seed and epoch, so that a resumed run draws the same.

    Checkpoints do not hold these states.
    """
    states = [each for each in model.variables if each.path.endswith(_SEED_STATE)]
    for place, state in enumerate(states):
        drawn = np.random.default_rng((seed, epoch, place)).integers(0, 2**31, 2)
        state.assign(drawn.astype(np.uint32))


def take_weights(model: Any, kept: Any, phase: Phase) -> None:
    """Copy all weights from a model of another picture size. Raises OptionError where none fit."""
    try:
        model.set_weights(kept.get_weights())
    except ValueError as error:
        raise OptionError(
            f"the weights of {model.name} are made for one picture size and phase {phase.name!r} "
            "has another: give all of its phases the same scale"
        ) from error


def choose_layers(model: Any, phase: Phase, upper: str | None) -> None:
    """Let those layers learn that the phase names."""
    names = [layer.name for layer in model.layers]
    first = names.index(upper) if phase.trained == "upper" and upper is not None else 0
    for place, layer in enumerate(model.layers):
        norm = isinstance(layer, keras.layers.BatchNormalization)
        backbone = phase.trained != "head" and place >= first
        layer.trainable = (layer.name.startswith("head_") or backbone) and not (
            norm and phase.batch_norm == "frozen"
        )
        if norm:
            layer.momentum = _NORM_MOMENTUM


def make_optimizer(learning_rate: float, weight_decay: float, steps: int) -> Any:
    """Return Adam, or AdamW; at the end of an epoch the weights are the mean of its later half.

    With few parts the validation loss jumps from epoch to epoch; of averaged weights it does less
    (Izmailov et al., UAI 2018). An epoch of few steps has nothing to average.
    """
    averaging: dict[str, Any] = {}
    if steps >= _FEWEST_AVERAGED:
        averaging = {"use_ema": True, "ema_momentum": 1.0 - 2.0 / steps}
    if weight_decay == 0.0:
        return keras.optimizers.Adam(learning_rate, **averaging)
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=weight_decay, **averaging)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
