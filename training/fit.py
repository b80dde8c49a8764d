"""Trains a network phase by phase; kept after each epoch, so that a killed run goes on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bundle.manifest import InputSpec
from training.batches import PictureBatches, class_weights
from training.config import Phase, TrainOptions
from training.dataset import Split
from training.errors import DivergedError, RunError
from training.networks.catalogue import build_network
from training.progress import FitProgress
from training.run_folder import EpochRecord, FitState, RunFolder

WARMUP_SHARE = 0.05
# MobileNetV2 comes with 0.999: averages over more steps than a fine-tuning has.
_NORM_MOMENTUM = 0.97
_HEAD_WORK = 0.35  # a step that trains the head alone skips the way back through the backbone


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a training is made of. `weights`: a file, "imagenet", or None."""

    options: TrainOptions
    phases: tuple[Phase, ...]
    root: Path
    split: Split
    spec: InputSpec
    labels: tuple[str, ...]
    weights: str | None


def fit_network(job: Job, folder: RunFolder, progress: FitProgress) -> None:
    """Train from where the run folder stands to the end of the last phase.

    The best model of the last phase so far is in the folder at any moment after the first epoch.
    Raises DivergedError, RunError or what loading weights and pictures may raise.
    """
    state = folder.read_state()
    total = sum(phase.epochs * _work(job, phase) for phase in job.phases)
    progress.begin(total, _work_before(job, state))
    while not state.finished:
        state = _fit_phase(job, folder, progress, state)


def phase_spec(spec: InputSpec, phase: Phase) -> InputSpec:
    """Return the input at the picture size of a phase, a multiple of 32 as the strides ask."""
    height, width = (
        max(32, 32 * round(side * phase.scale / 32)) for side in (spec.height, spec.width)
    )
    return spec.model_copy(update={"height": height, "width": width})


def cosine_rate(peak: float, step: int, steps: int) -> float:
    """Return the learning rate of a step: a short warm-up, then half a cosine down to zero."""
    warmup = max(1, round(WARMUP_SHARE * steps))
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1.0 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _fit_phase(job: Job, folder: RunFolder, progress: FitProgress, state: FitState) -> FitState:
    phase = job.phases[state.phase]
    spec = phase_spec(job.spec, phase)
    model = _phase_model(job, folder, state, phase, spec)
    batches = _batches(job, spec)
    while state.phase_epochs < phase.epochs and state.stale < job.options.patience:
        record = _fit_epoch(job, phase, model, batches, state, progress)
        state = _keep_epoch(job, folder, model, state, record)
        progress.end_epoch(record)
    last = state.phase == len(job.phases) - 1
    following = state.phase if last else state.phase + 1
    state = state.model_copy(
        update={"phase": following, "phase_epochs": 0, "stale": 0, "finished": last}
        | ({} if last else {"best_val_loss": None})
    )
    folder.write_state(state)
    return state


def _fit_epoch(
    job: Job,
    phase: Phase,
    model: Any,
    batches: tuple[PictureBatches, PictureBatches],
    state: FitState,
    progress: FitProgress,
) -> EpochRecord:
    learned, held = batches
    learned.start_epoch(state.epochs)
    progress.begin_epoch(f"epoch {state.epochs + 1} ({phase.name})", len(job.split.training))
    step = _StepCallback(job, phase, len(learned), state, progress)
    logs = model.fit(learned, epochs=1, verbose=0, shuffle=False, callbacks=[step]).history
    duration_s, rate = progress.epoch_s(), progress.pictures_per_s()
    checked = model.evaluate(held, verbose=0, return_dict=True)
    return EpochRecord(
        epoch=state.epochs + 1,
        phase=phase.name,
        size=model.input_shape[1],
        learning_rate=float(model.optimizer.learning_rate),
        loss=float(logs["loss"][-1]),
        accuracy=float(logs["accuracy"][-1]),
        val_loss=_finite(float(checked["loss"]), state.epochs),
        val_accuracy=float(checked["accuracy"]),
        pictures_per_s=rate,
        duration_s=duration_s,
    )


def _keep_epoch(
    job: Job, folder: RunFolder, model: Any, state: FitState, record: EpochRecord
) -> FitState:
    """Write model, checkpoint, history and state, the state last: it names the others."""
    better = state.best_val_loss is None or record.val_loss < state.best_val_loss
    if better:
        whole = build_network(job.options.model, job.spec, len(job.labels))
        whole.set_weights(model.get_weights())
        folder.save_model(whole, folder.model_path)
    name = f"epoch-{record.epoch:04d}.keras"
    folder.save_model(model, folder.checkpoint_path(name))
    folder.write_history([*folder.read_history()[: state.epochs], record])
    kept = FitState(
        phase=state.phase,
        phase_epochs=state.phase_epochs + 1,
        epochs=record.epoch,
        checkpoint=name,
        best_val_loss=record.val_loss if better else state.best_val_loss,
        stale=0 if better else state.stale + 1,
    )
    folder.write_state(kept)
    return kept


def _phase_model(
    job: Job, folder: RunFolder, state: FitState, phase: Phase, spec: InputSpec
) -> Any:
    """Return the compiled model of a phase, with the optimizer's state in the middle of one."""
    kept = None if state.checkpoint is None else _load_checkpoint(folder, state.checkpoint)
    if kept is not None and state.phase_epochs > 0:
        return kept
    weights = job.weights if kept is None else None
    model = build_network(job.options.model, spec, len(job.labels), weights)
    if kept is not None:
        model.set_weights(kept.get_weights())
    for layer in model.layers:
        norm = isinstance(layer, keras.layers.BatchNormalization)
        head = layer.name.startswith("head_")
        layer.trainable = (head or phase.trained == "all") and not (
            norm and phase.batch_norm == "frozen"
        )
        if norm:
            layer.momentum = _NORM_MOMENTUM
    model.compile(
        optimizer=keras.optimizers.Adam(phase.learning_rate),
        loss=keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=job.options.label_smoothing
        ),
        metrics=[keras.metrics.CategoricalAccuracy(name="accuracy")],
        jit_compile=False,
    )
    return model


def _load_checkpoint(folder: RunFolder, name: str) -> Any:
    path = folder.checkpoint_path(name)
    try:
        return keras.models.load_model(path)
    except (ValueError, OSError, KeyError) as error:
        raise RunError(f"cannot go on from {path}: {error}") from error


def _batches(job: Job, spec: InputSpec) -> tuple[PictureBatches, PictureBatches]:
    weights = class_weights(job.split.training, job.labels)
    options = job.options
    learned = PictureBatches(
        job.root, job.split.training, spec, job.labels, batch=options.batch, seed=options.seed,
        weights=weights, augmentation=options.augmentation, workers=options.workers,
    )  # fmt: skip
    held = PictureBatches(
        job.root, job.split.validation, spec, job.labels, batch=options.batch,
        weights=weights, workers=options.workers,
    )  # fmt: skip
    return learned, held


def _work(job: Job, phase: Phase) -> float:
    """Return the work of one epoch, in steps over one full-size picture."""
    spec = phase_spec(job.spec, phase)
    area = spec.height * spec.width / (job.spec.height * job.spec.width)
    return len(job.split.training) * area * (_HEAD_WORK if phase.trained == "head" else 1.0)


def _work_before(job: Job, state: FitState) -> float:
    past = sum(phase.epochs * _work(job, phase) for phase in job.phases[: state.phase])
    return past + state.phase_epochs * _work(job, job.phases[state.phase])


def _finite(loss: float, epochs: int) -> float:
    if not math.isfinite(loss):
        raise DivergedError(
            f"the loss of epoch {epochs + 1} is not a number; the model of epoch {epochs} is kept: "
            "train again with a lower learning rate"
        )
    return loss


class _StepCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """Sets the learning rate before a step and counts the step after it."""

    def __init__(
        self, job: Job, phase: Phase, steps: int, state: FitState, progress: FitProgress
    ) -> None:
        super().__init__()
        self._phase, self._state, self._progress = phase, state, progress
        self._first, self._steps = state.phase_epochs * steps, phase.epochs * steps
        self._pictures, self._batch = len(job.split.training), job.options.batch
        self._work = _work(job, phase) / self._pictures

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Set the learning rate."""
        rate = cosine_rate(self._phase.learning_rate, self._first + batch, self._steps)
        self.model.optimizer.learning_rate = np.float32(rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the step; stop where the loss is no number."""
        loss = _finite(float(logs["loss"]), self._state.epochs)
        pictures = min(self._batch, self._pictures - batch * self._batch)
        self._progress.advance(pictures, pictures * self._work, loss)
