"""The command `linewarden bench`: read the options, measure, print."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from agent.bench.loading import Probe, probe_in_child
from agent.bench.machine import BoardWatch, read_machine
from agent.bench.measure import (
    Measurement,
    OpenEngine,
    Plan,
    Subject,
    measured,
    open_subjects,
    run_in_turn,
)
from agent.bench.operators import profile_model
from agent.bench.power import Meter, find_meter, measure_energy
from agent.bench.report import BundleProfile, Report, Result, json_text
from agent.bench.text import plain_text
from agent.bench.throttle import ThrottleWatch, read_flags
from agent.clock import Clock, SystemClock
from agent.drivers import ENGINES, open_engine
from agent.errors import ConfigError, ModelError
from bundle.prepare import Pixels


@dataclass(frozen=True, slots=True)
class Means:
    """What the measuring leans on: a clock, engines, a probe of loading, and the tree of /."""

    clock: Clock
    engine_opener: OpenEngine
    probe: Probe
    root: Path


def bench(
    *,
    bundle: Annotated[Path, typer.Option(help="The bundle to measure.")],
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Another bundle, measured in turn with the first; may be repeated."),
    ] = None,
    threads: Annotated[str, typer.Option(help="Threads per inference, as 1,2,4.")] = "1",
    runs: Annotated[int, typer.Option(min=1, max=1_000_000, help="Parts to measure.")] = 300,
    warm_up: Annotated[
        int, typer.Option(min=0, max=100_000, help="Parts to judge before measuring.")
    ] = 10,
    frame: Annotated[
        Path | None, typer.Option(help="Camera picture to judge; else a golden frame.")
    ] = None,
    driver: Annotated[str, typer.Option(help="Engine to run the model on.")] = "litert",
    ops: Annotated[bool, typer.Option("--ops", help="Tell the time of every operator.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure bundles on this machine: time, size, memory, loading, operators, heat.

    Example: linewarden bench --bundle slim.lwb --against full.lwb --threads 1,2 --ops
    """
    if driver not in ENGINES:
        raise ConfigError(f"--driver {driver}: there is only {', '.join(sorted(ENGINES))}")
    plan = Plan(
        paths=(bundle, *(against or ())),
        threads=parse_threads(threads, read_machine(Path("/")).cores),
        runs=runs,
        warm_up=warm_up,
        driver=driver,
        frame=None if frame is None else read_picture(frame),
    )
    means = Means(SystemClock(), open_engine, probe_in_child, Path("/"))
    report = measure(plan, means, ops=ops)
    typer.echo(json_text(report) if as_json else plain_text(report))


def measure(plan: Plan, means: Means, *, ops: bool = False) -> Report:
    """Measure what the plan names and return all figures. Raises ModelError."""
    machine = read_machine(means.root)
    throttle = ThrottleWatch(partial(read_flags, means.root))
    with open_subjects(plan, means.engine_opener) as subjects:
        watch = BoardWatch(means.root, means.clock, throttle)
        run_in_turn(subjects, means.clock, plan, watch.look)
        meter = find_meter(means.root)
        finish = partial(_result, means=means, plan=plan, meter=meter)
        results = tuple(
            finish(subject, times)
            for subject, times in zip(subjects, measured(subjects, plan), strict=True)
        )
        profiles = _profiles(subjects, results, means.clock) if ops else ()
        conditions = watch.finish()
    return Report(machine, conditions, plan.runs, plan.warm_up, results, profiles)


def parse_threads(text: str, cores: int) -> tuple[int, ...]:
    """Return the thread counts of `1,2,4`. Raises ConfigError."""
    counts: list[int] = []
    for part in text.split(","):
        if not part.strip().isdecimal() or int(part) < 1:
            raise ConfigError(f"--threads {text}: give numbers from 1 on, as 1,2,4")
        if int(part) > cores:
            raise ConfigError(
                f"--threads {text}: there are {cores} cores for us, and more threads than cores "
                f"only wait for one another; give at most {cores}"
            )
        counts.append(int(part))
    return tuple(dict.fromkeys(counts))


def read_picture(path: Path) -> Pixels:
    """Return a picture as a camera would give it. Raises ModelError."""
    if not path.is_file():  # OpenCV would print a line of its own
        raise ModelError(f"--frame {path}: there is no such file")
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint8:
        raise ModelError(f"--frame {path} is not a readable 8-bit picture")
    return pixels  # type: ignore[return-value]


def _result(
    subject: Subject, times: Measurement, *, means: Means, plan: Plan, meter: Meter | None
) -> Result:
    judge: Callable[[], object] = partial(subject.judge, means.clock)
    return Result(
        times=times,
        size_bytes=subject.archive.size,
        model_bytes=len(subject.archive.model),
        loading=means.probe(subject.path, plan.driver, subject.threads),
        energy=None if meter is None else measure_energy(meter, means.clock, judge),
    )


def _profiles(
    subjects: list[Subject], results: tuple[Result, ...], clock: Clock
) -> tuple[BundleProfile, ...]:
    """Profile each bundle at the first of the thread counts."""
    return tuple(
        BundleProfile(
            result.times.bundle, profile_model(subject.archive.model, subject.threads, clock)
        )
        for subject, result in zip(subjects, results, strict=True)
        if subject.threads == subjects[0].threads
    )
