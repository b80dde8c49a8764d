"""Trains a network phase by phase; kept after each epoch, so that a killed run goes on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from bundle.manifest import InputSpec
from training.batches import PictureBatches, class_weights, draw_evenly
from training.config import Phase, TrainOptions
from training.dataset import Split
from training.errors import DivergedError, RunError
from training.networks.catalogue import build_network
from training.phase_model import (
    build_phase_model,
    seed_layers,
    take_optimizer,
    take_weights,
)
from training.precision import choose_precision, use_precision
from training.progress import FitProgress
from training.run_folder import EpochRecord, FitState, RunFolder
from training.strategy import OneProcess, Strategy
from training.teacher import TaughtBatches, open_teacher

WARMUP_SHARE = 0.05
# The way back goes through the layers that learn only.
_WORK = {"head": 0.35, "upper": 0.6, "all": 1.0}


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a training is made of.

    `weights` is a file, "imagenet", or None; `part_of` the part of each picture's contents;
    `defective` the labels of bad parts.
    """

    options: TrainOptions
    phases: tuple[Phase, ...]
    root: Path
    split: Split
    spec: InputSpec
    labels: tuple[str, ...]
    weights: str | None
    part_of: Mapping[str, int] = field(default_factory=dict)
    defective: tuple[str, ...] = ()

    @property
    def epoch_pictures(self) -> int:
        """Return how many pictures an epoch has."""
        return self.options.epoch_pictures or len(self.split.training)


def fit_network(
    job: Job, folder: RunFolder, progress: FitProgress, strategy: Strategy | None = None
) -> None:
    """Train from where the run folder stands to the end of the last phase.

    The best model of the last phase so far is in the folder at any moment after the first epoch.
    Raises DivergedError, RunError or what loading weights and pictures may raise.
    """
    strategy = strategy or OneProcess()
    keras.utils.set_random_seed(job.options.seed)
    state = folder.read_state()
    total = sum(phase.epochs * _work(job, phase) for phase in job.phases)
    progress.begin(total, _work_before(job, state))
    while not state.finished:
        state = _fit_phase(job, folder, progress, state, strategy)


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


def _fit_phase(
    job: Job, folder: RunFolder, progress: FitProgress, state: FitState, strategy: Strategy
) -> FitState:
    phase = job.phases[state.phase]
    spec = phase_spec(job.spec, phase)
    model = _phase_model(job, folder, state, strategy, spec)
    batches = _batches(job, spec)
    while state.phase_epochs < phase.epochs and state.stale < job.options.patience:
        seed_layers(model, job.options.seed, state.epochs)
        record = _fit_epoch(job, model, batches, state, progress, strategy)
        state = _keep_epoch(job, folder, model, state, record, strategy)
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
    model: Any,
    batches: tuple[PictureBatches, PictureBatches],
    state: FitState,
    progress: FitProgress,
    strategy: Strategy,
) -> EpochRecord:
    phase = job.phases[state.phase]
    learned, held = batches
    learned.start_epoch(state.epochs)
    progress.begin_epoch(f"epoch {state.epochs + 1} ({phase.name})", job.epoch_pictures)
    step = _StepCallback(job, phase, len(learned), state, progress)
    logs = strategy.fit_epoch(model, learned, step)
    duration_s, rate = progress.epoch_s(), progress.pictures_per_s()
    checked = strategy.check(model, held)
    return EpochRecord(
        epoch=state.epochs + 1,
        phase=phase.name,
        size=model.input_shape[1],
        learning_rate=step.rate,
        loss=logs["loss"],
        accuracy=logs["accuracy"],
        val_loss=_finite(checked["loss"], state.epochs),
        val_accuracy=checked["accuracy"],
        pictures_per_s=rate,
        duration_s=duration_s,
    )


def _keep_epoch(
    job: Job,
    folder: RunFolder,
    model: Any,
    state: FitState,
    record: EpochRecord,
    strategy: Strategy,
) -> FitState:
    """Write model, checkpoint, history and state, the state last: it names the others."""
    better = state.best_val_loss is None or record.val_loss < state.best_val_loss
    name = f"epoch-{record.epoch:04d}.keras"
    if strategy.is_chief:
        if better:
            whole = build_network(job.options.model, job.spec, len(job.labels))
            take_weights(whole, model, job.phases[state.phase])
            folder.save_model(whole, folder.model_path)
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
    job: Job, folder: RunFolder, state: FitState, strategy: Strategy, spec: InputSpec
) -> Any:
    """Return the compiled model of a phase, with the optimizer's state in the middle of one."""
    kept = None
    if state.checkpoint is not None and strategy.is_chief:
        kept = _load_checkpoint(job, folder, state.checkpoint)
    weights = job.weights if state.checkpoint is None else None
    with strategy.scope():
        model = build_phase_model(
            job.options, job.phases[state.phase], spec, len(job.labels), weights, kept,
            steps=math.ceil(job.epoch_pictures / job.options.batch),
        )  # fmt: skip
        if kept is not None and state.phase_epochs > 0:
            take_optimizer(model, kept)
    strategy.align(model)
    return model


def _load_checkpoint(job: Job, folder: RunFolder, name: str) -> Any:
    path = folder.checkpoint_path(name)
    try:
        # The precision decides whether Keras wraps the optimizer that the file holds the state of.
        with use_precision(choose_precision(job.options.precision)):
            return keras.models.load_model(path)
    except (ValueError, OSError, KeyError) as error:
        raise RunError(f"cannot go on from {path}: {error}") from error


def _batches(job: Job, spec: InputSpec) -> tuple[PictureBatches, PictureBatches]:
    options = job.options
    weights = class_weights(job.split.training, job.labels)
    drawing = None
    if options.epoch_pictures is not None:
        parts = [job.part_of.get(picture.sha256) for picture in job.split.training]
        drawing = draw_evenly(job.split.training, parts, options.epoch_pictures)
    given = (job.root, job.split.training, spec, job.labels)
    varied: dict[str, Any] = {
        "batch": options.batch, "seed": options.seed,
        "weights": weights if drawing is None else None, "augmentation": options.augmentation,
        "workers": options.workers, "drawing": drawing, "defective": job.defective,
    }  # fmt: skip
    if options.teacher is None:
        learned = PictureBatches(*given, **varied)
    else:
        run, share = Path(options.teacher), options.teacher_share
        teacher = open_teacher(run, job.labels, job.split, share)
        learned = TaughtBatches(*given, teacher=teacher, **varied)
    held = PictureBatches(
        job.root, job.split.validation, spec, job.labels, batch=options.batch,
        weights=weights, workers=options.workers,
    )  # fmt: skip
    return learned, held


def _work(job: Job, phase: Phase) -> float:
    """Return the work of one epoch, in steps over one full-size picture."""
    spec = phase_spec(job.spec, phase)
    area = spec.height * spec.width / (job.spec.height * job.spec.width)
    return job.epoch_pictures * area * _WORK[phase.trained]


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
        self.rate = phase.learning_rate
        self._first, self._steps = state.phase_epochs * steps, phase.epochs * steps
        self._pictures, self._batch = job.epoch_pictures, job.options.batch
        self._work = _work(job, phase) / self._pictures

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
        """Set the learning rate."""
        self.rate = cosine_rate(self._phase.learning_rate, self._first + batch, self._steps)
        self.model.optimizer.learning_rate = np.float32(self.rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the step; stop where the loss is no number."""
        loss = _finite(float(logs["loss"]), self._state.epochs)
        pictures = min(self._batch, self._pictures - batch * self._batch)
        self._progress.advance(pictures, pictures * self._work, loss)
