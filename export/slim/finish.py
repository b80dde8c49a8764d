"""A rung's network becomes a finished run, whose figures are its own, and a point of the front."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from pydantic import JsonValue, TypeAdapter

from export.calibration import job_frames
from export.convert import load_network
from export.int8_models import Int8Models
from export.slim.climb import STEPS, ClimbFolder, SlimFacts, StepFigures
from export.slim.front import Point, make_front, read_front, write_front
from export.slim.ladder import Ladder, Rung
from export.slim.latency_table import measure_in_turn
from export.slim.surgery import widths_of
from training.comparison.cost import count_macs
from training.environment import describe_environment
from training.evaluate import DECISION_THRESHOLD
from training.finish import finish_run
from training.fit import Job
from training.intervals import wilson_interval
from training.run_folder import ENVIRONMENT, RunFolder
from training.scoring import Judge, defect_scores, infer_pictures
from training.tflite import TfliteModel

_FACTS = TypeAdapter(dict[str, JsonValue])


def finish_rung(
    source: RunFolder,
    folder: ClimbFolder,
    job: Job,
    rung: Rung,
    network: Any,
    steps: tuple[StepFigures, ...],
    *,
    full_widths: Mapping[str, int],
    p50_ms: float | None,
    now_ns: Callable[[], int],
    ladder: Ladder,
    int8: Int8Models,
) -> Point:
    """Write the run folder of a rung and put its int8 model into the front.

    `job` has the rung's picture size, `p50_ms` is what one picture takes; None: it is measured
    here. Thresholds and temperature are chosen anew, on validation. Raises ExportError,
    TrainingError.
    """
    run = folder.rung(rung.name)
    card = source.read_card().model_copy(
        update={"input": job.spec, "thresholds": None, "temperature": 1.0}
    )
    run.begin(job.options, card, source.read_pictures())
    run.write_json(ENVIRONMENT, describe_environment())
    run.save_model(network, run.model_path)
    hasty = ladder.checked is not None
    # A copy of its own: what is cut further goes on without this rung's balance. A hasty rung has
    # none.
    balanced = network if hasty else load_network(run.model_path, folder.log)
    finish_run(job, run, model=balanced, hasty=hasty)
    facts = SlimFacts(
        rung=rung.name,
        widths=widths_of(network),
        full_widths=dict(full_widths),
        steps=steps,
    )
    run.write_json(STEPS, facts.model_dump(mode="json"))
    frames = job_frames(job, ladder.calibrated)
    model = int8.make(run.model_path, frames, job.spec, folder.log, balanced)
    if p50_ms is None:
        (p50_ms,) = measure_in_turn([model], now_ns)
    point = _point(count_macs(network).macs, model, run, job, rung, facts, p50_ms)
    _put(folder, point)
    return point


def _point(
    macs: int,
    model: bytes,
    run: RunFolder,
    job: Job,
    rung: Rung,
    facts: SlimFacts,
    p50_ms: float,
) -> Point:
    """Measure the int8 model of a finished rung on the validation pictures."""
    card = run.read_card()
    judge = Judge(
        title=rung.name,
        infer=TfliteModel(model).infer,
        input=job.spec,
        labels=card.labels,
        defective=card.defective,
        thresholds=card.thresholds,
        temperature=card.temperature,
    )
    pictures = job.split.validation
    scores = defect_scores(judge, infer_pictures(judge, job.root, pictures))
    truth = np.array([each.label in card.defective for each in pictures], np.bool_)
    right = int(((scores >= DECISION_THRESHOLD) == truth).sum())
    recheck_at = 0.0 if card.thresholds is None else card.thresholds.recheck_at
    return Point(
        name=rung.name,
        network=card.network,
        step=f"pruned to {rung.share:.0%} of the time, distilled, int8",
        size=rung.size,
        widths=facts.widths,
        model=f"{rung.name}/{run.model_path.name}",
        macs=macs,
        model_bytes=len(model),
        p50_ms=p50_ms,
        accuracy=right / len(truth),
        accuracy_interval=wilson_interval(right, len(truth)),
        escapes=int((scores[truth] < recheck_at).sum()),
    )


def _put(folder: ClimbFolder, point: Point) -> None:
    """Put a point into the front; one of the same name was measured before a kill."""
    points = list(read_front(folder.front).points) if folder.front.exists() else []
    points = [each for each in points if each.name != point.name] + [point]
    machine = _FACTS.validate_python(describe_environment())
    write_front(folder.front, make_front(points, machine))
