"""Goes down the ladder: cut channels, recover, learn from the full network, measure; resumable."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from export.calibration import job_frames
from export.convert import load_network
from export.errors import BudgetError, SlimError
from export.int8_models import Int8Models
from export.slim.answers import TaughtBatches, Teacher
from export.slim.budget import choose_keep
from export.slim.climb import (
    ClimbFolder,
    ClimbState,
    StepFigures,
    Task,
    digest_of,
    list_tasks,
)
from export.slim.distil import Lesson, teach
from export.slim.finish import finish_rung
from export.slim.front import Front, read_front
from export.slim.importance import taylor_importance
from export.slim.ladder import Ladder, Lessons, Rung
from export.slim.latency_table import measure_in_turn, timing_model
from export.slim.layer_costs import Costs, rebase
from export.slim.memory import told_how_to_save_memory
from export.slim.norms import follow_data, rebase_norms
from export.slim.plain import calm, has_swish, without_swish
from export.slim.surgery import keep_channels, widths_of, with_input
from export.slim.timing import costs_of, unpruned_ms
from export.steps import Steps
from training.backend import start_backend
from training.batches import Batch, PictureBatches
from training.comparison.cost import count_macs
from training.fit import Job
from training.networks.catalogue import find_network, network_names
from training.pipeline import read_job
from training.run_folder import RunFolder

Now = Callable[[], int]

_GATED_ON = 24  # pictures that tell which gates move


@dataclass(frozen=True, slots=True)
class _Climb:
    """What all tasks need."""

    source: RunFolder
    folder: ClimbFolder
    job: Job
    ladder: Ladder
    lessons: Lessons
    teacher: Teacher
    swish: bool
    lost: str  # what the network lost before its first rung, in words
    calm: Any  # the full network without what it loses first, but with its swish
    whole: Any  # all channels, but as plain as the rungs are: what their time is set by
    whole_int8: bytes | None  # where the ladder is timed
    costs: Costs
    unpruned_ms: float  # what shares of the time are of
    steps: Steps
    now_ns: Now
    int8_models: Int8Models

    def rung(self, task: Task) -> Rung:
        return self.ladder.rungs[task.rung]

    def keep(self, state: ClimbState, network: Any) -> None:
        """Keep where the climb stands; one that takes a minute is begun anew if it is killed."""
        over = state.tasks >= len(list_tasks(self.ladder, swish=self.swish))
        if over or not self.ladder.few:
            self.folder.keep(state, network)

    def job_at(self, rung: Rung) -> Job:
        """Return the job with pictures of a rung's size."""
        spec = self.job.spec.model_copy(update={"height": rung.size, "width": rung.size})
        options = self.job.options.model_copy(update={"size": rung.size})
        return replace(self.job, spec=spec, options=options)


def make_slim(
    run: Path,
    data: Path,
    ladder: Ladder,
    steps: Steps,
    now_ns: Now,
    int8_models: Int8Models | None = None,
    until: str | None = None,
) -> Front:
    """Prune and teach the network of a finished run, rung by rung; return the front.

    It stops at the rung `until`, and above one that cannot be reached. All is kept in the ladder's
    folder in that of the run: a killed climb goes on where it was, but one that learns few pictures
    is begun anew; a finished one is only read. `int8_models` keeps those judged. Raises
    ExportError, TrainingError.
    """
    start_backend()
    source, folder = RunFolder(run), ClimbFolder(run / ladder.folder)
    state = folder.read_state()
    folder.refuse_other(state, ladder, digest := digest_of(source.model_path))
    wanted = list_tasks(ladder, swish=state.swish, until=until)
    if state.tasks >= len(wanted) and folder.front.exists():
        return read_front(folder.front)
    if ladder.few:
        state = ClimbState()
    job = ladder.shorten(read_job(data, source))
    folder.path.mkdir(exist_ok=True)
    if (name := source.read_card().network) in network_names():
        find_network(name)  # makes its own layers known to Keras
    full = load_network(source.model_path, folder.log)
    swish = has_swish(full)
    if state.tasks > 0 and state.swish != swish:
        raise SlimError(
            f"{folder.path} was begun by a linewarden that left the network its swish: remove that "
            "folder to prune anew"
        )
    rungs = tuple(rung.name for rung in ladder.rungs)
    state = state.model_copy(update={"rungs": rungs, "swish": swish, "source": digest})
    lessons = ladder.lessons_of(swish=swish)
    # What gates say changes with the swish gone: without relearning they stay as they are.
    frames = job_frames(job, _GATED_ON) if swish and lessons.relearn is not None else []
    calmed, lost = calm(full, frames) if swish else (full, "")
    whole = without_swish(calmed) if swish else full
    costs = costs_of(folder, whole, job, ladder, steps, now_ns)
    int8 = timing_model(whole, job.spec, folder.log) if ladder.timed else None
    unpruned = unpruned_ms(full, int8, costs, job, folder, now_ns)
    teacher = Teacher(full, job.spec, folder.log, job.options.workers, few=ladder.few)
    climb = _Climb(
        source, folder, job, ladder, lessons, teacher, swish, lost, calmed, whole, int8, costs,
        unpruned, steps, now_ns, int8_models or Int8Models(),
    )  # fmt: skip
    begun = state.tasks > 0 or state.epochs > 0
    network = load_network(folder.work, folder.log) if begun else full
    with told_how_to_save_memory(ladder.batch):
        _go_down(climb, network, state, until)
    return read_front(folder.front)


def _go_down(climb: _Climb, network: Any, state: ClimbState, until: str | None) -> None:
    """Do what is left to do, as far down as channels can go."""
    tasks = list_tasks(climb.ladder, swish=climb.swish, until=until)
    try:
        for task in tasks[state.tasks :]:
            network, state = _do(climb, task, network, state)
    except BudgetError as error:
        task = tasks[state.tasks]
        if task.rung == 0:
            raise
        climb.steps.step(f"The ladder ends above {climb.rung(task).name}: {error}")


def _do(climb: _Climb, task: Task, network: Any, state: ClimbState) -> tuple[Any, ClimbState]:
    """Do one task and keep what it gave."""
    if task.kind == "plain":
        network = _lose_swish(climb, climb.rung(task))
    elif task.kind == "cut":
        network, figures = _cut(climb, task, network, state)
        state = state.model_copy(update={"steps": (*state.steps, figures)})
    elif task.kind == "finish":
        _finish(climb, task, network, state)
    else:
        network, state = _teach(climb, task, network, state)
        rung = climb.rung(task)
        name = climb.lost if task.kind == "relearn" else f"{rung.name}, {task.kind}"
        figures = _figures(climb, name, network, climb.job_at(rung))
        state = state.model_copy(update={"steps": (*state.steps, figures)})
    state = state.model_copy(update={"tasks": state.tasks + 1, "epochs": 0})
    # A lesson keeps the network after each of its epochs, and finishing changes none.
    climb.keep(state, network if task.kind in {"plain", "cut"} else None)
    return network, state


def _lose_swish(climb: _Climb, rung: Rung) -> Any:
    """Return the network at the rung's size with ReLU for swish, and norms that took notice."""
    network = with_input(climb.calm, rung.size, rung.size)  # one of its own: its norms change
    if climb.lessons.relearn is None:
        return without_swish(network)
    batches = climb.ladder.batches(climb.job_at(rung))
    shown = min(climb.ladder.judged, len(batches))
    rebase_norms(network, (batches[place][0] for place in range(shown)))
    plain = without_swish(network)
    follow_data(plain, (batches[place][0] for place in range(len(batches))))
    return plain


def _cut(climb: _Climb, task: Task, network: Any, state: ClimbState) -> tuple[Any, StepFigures]:
    """Return the network at the rung's size and, as far as it must, with fewer channels."""
    rung = climb.rung(task)
    job = climb.job_at(rung)
    network = _at_size(network, rung)
    before = _relative_ms(climb, network, job)
    whole_ms = before if rung.of_itself else climb.unpruned_ms
    target_ms = before * (rung.share * whole_ms / before) ** task.part
    if before > target_ms:
        climb.steps.step(
            f"{rung.name}: rating channels; {before:.2f} ms now, {target_ms:.2f} ms wanted",
            climb.ladder.judged,
        )
        rated = taylor_importance(
            network, _rating_batches(climb, job, state), job.options.label_smoothing,
            few=climb.ladder.few,
        )  # fmt: skip
        widths = widths_of(network)
        costs = rebase(climb.costs, widths, before)
        network = keep_channels(network, choose_keep(rated, costs, widths, target_ms))
    return network, _figures(climb, f"{rung.name}, cut", network, job)


def _at_size(network: Any, rung: Rung) -> Any:
    """Return the network for pictures of a rung's size."""
    if network.input_shape[1] == rung.size:
        return network
    return with_input(network, rung.size, rung.size)


def _figures(climb: _Climb, step: str, network: Any, job: Job) -> StepFigures:
    """Return what the network is after a step; its accuracy is that of a try, no threshold set."""
    pictures = PictureBatches(job.root, job.split.validation, job.spec, job.labels, batch=32)
    bad = np.array([label in job.defective for label in job.labels])
    right = 0
    for place in range(len(pictures)):
        inputs, truths, _ = pictures[place]
        logits = np.asarray(network(inputs, training=False))
        right += int((bad[logits.argmax(axis=1)] == bad[truths.argmax(axis=1)]).sum())
    return StepFigures(
        step=step,
        size=job.spec.height,
        parameters=int(network.count_params()),
        macs=count_macs(network).macs,
        int8_ms=_relative_ms(climb, network, job),
        validation_accuracy=right / len(job.split.validation),
    )


def _relative_ms(climb: _Climb, network: Any, job: Job) -> float:
    """Return the network's int8 time beside that of the unpruned one, which the table has.

    The machine may be busier now than it was then: only the ratio of two that run in turn holds.
    Where the ladder is not timed it is the ratio of their work.
    """
    if climb.whole_int8 is None:
        return climb.costs.base_ms * count_macs(network).macs / count_macs(climb.whole).macs
    models = (climb.whole_int8, timing_model(network, job.spec, climb.folder.log))
    full_ms, ours_ms = measure_in_turn(models, climb.now_ns)
    return climb.costs.base_ms * ours_ms / full_ms


def _rating_batches(climb: _Climb, job: Job, state: ClimbState) -> Iterator[Batch]:
    batches = climb.ladder.batches(job)
    batches.start_epoch(state.taught)
    for step in itertools.islice(itertools.cycle(range(len(batches))), climb.ladder.judged):
        yield batches[step]
        climb.steps.advance()


def _teach(climb: _Climb, task: Task, network: Any, state: ClimbState) -> tuple[Any, ClimbState]:
    """Teach the network one lesson, or the rest of one."""
    rung = climb.rung(task)
    job = climb.job_at(rung)
    lesson: Lesson = getattr(climb.lessons, task.kind)
    ours, whole = climb.ladder.batches(job), climb.ladder.batches(climb.job)
    taught = TaughtBatches(ours, whole, climb.teacher, job.options.workers)
    left = lesson.epochs - state.epochs
    climb.steps.step(f"{rung.name}: {lesson.name}, {left} epochs", left * len(taught))
    now = state

    def kept(done: int) -> None:
        nonlocal now
        now = now.model_copy(update={"epochs": done, "taught": now.taught + 1})
        climb.keep(now, network)

    teach(
        network,
        taught,
        lesson,
        seed=job.options.seed,
        smoothing=job.options.label_smoothing,
        first_epoch=state.taught - state.epochs,
        done=state.epochs,
        kept=kept,
        advance=climb.steps.advance,
    )
    return network, now


def _finish(climb: _Climb, task: Task, network: Any, state: ClimbState) -> None:
    rung = climb.rung(task)
    job = climb.job_at(rung)
    climb.steps.step(f"{rung.name}: thresholds, test side, int8")
    finish_rung(
        climb.source,
        climb.folder,
        job,
        rung,
        network,
        state.steps,
        full_widths=climb.costs.widths,
        p50_ms=_relative_ms(climb, network, job) if climb.ladder.timed else None,
        now_ns=climb.now_ns,
        ladder=climb.ladder,
        int8=climb.int8_models,
    )
