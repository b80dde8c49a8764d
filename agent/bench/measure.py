"""Measure bundles at several thread counts, part by part in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.bench.figures import Percentiles, Ratio, percentiles_ms, ratio_of_medians
from agent.clock import Clock
from agent.errors import AgentError, ModelError
from agent.ports import Engine
from bundle.archive import Archive, open_archive
from bundle.errors import BundleError, FrameError
from bundle.golden import check_golden, golden_frames
from bundle.prepare import Pixels, check_frame_size, prepare_frame

OpenEngine = Callable[[str, bytes, int], Engine]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure: every bundle at every thread count, `runs` parts each.

    `frame` is the camera frame to judge; without it each bundle's first golden frame is.
    """

    paths: tuple[Path, ...]
    threads: tuple[int, ...] = (1,)
    runs: int = 300
    warm_up: int = 10
    driver: str = "litert"
    frame: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Ratios:
    """Medians over those of the first bundle at the same number of threads; 2 is twice as long."""

    whole: Ratio | None
    invoke: Ratio | None
    prepare: Ratio | None


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one bundle at one thread count takes; `whole` is prepare and invoke together."""

    bundle: str
    file: str
    threads: int
    engine: str
    runs: int
    golden_passed: bool
    whole_ms: Percentiles
    invoke_ms: Percentiles
    prepare_ms: Percentiles
    times_first: Ratios | None


@dataclass(slots=True)
class Subject:
    """One bundle on one engine under measurement."""

    path: Path
    archive: Archive
    engine: Engine
    threads: int
    frame: Pixels
    golden_passed: bool = False
    prepare_ns: list[int] = field(default_factory=list)
    invoke_ns: list[int] = field(default_factory=list)

    def judge(self, clock: Clock) -> tuple[int, int]:
        """Judge the part once; returns the nanoseconds of prepare and of invoke."""
        start_ns = clock.now_ns()
        prepare_frame(self.frame, self.archive.manifest.input, self.engine.input_view())
        prepared_ns = clock.now_ns()
        self.engine.infer()
        return prepared_ns - start_ns, clock.now_ns() - prepared_ns

    @property
    def whole_ns(self) -> list[int]:
        """Return the times of prepare and invoke together."""
        return [sum(pair) for pair in zip(self.prepare_ns, self.invoke_ns, strict=True)]


@contextmanager
def open_subjects(plan: Plan, engine_opener: OpenEngine) -> Iterator[list[Subject]]:
    """Open each bundle at each thread count, and close them whatever happens.

    What goes wrong with a bundle is raised as ModelError, here and inside of the block.
    """
    subjects: list[Subject] = []
    try:
        for path in plan.paths:
            archive = open_archive(path)
            for threads in plan.threads:
                engine = engine_opener(plan.driver, archive.model, threads)
                frame = _frame_for(archive, plan.frame, path)
                subjects.append(Subject(path, archive, engine, threads, frame))
                subjects[-1].golden_passed = _check_golden(subjects[-1])
        yield subjects
    except (AgentError, BundleError) as error:
        raise ModelError(f"cannot measure: {error}") from error
    finally:
        for subject in subjects:
            subject.engine.close()


def run_in_turn(
    subjects: Sequence[Subject], clock: Clock, plan: Plan, between: Callable[[], None]
) -> None:
    """Let every subject judge one part, then every one the next: all see the same machine.

    `between` is called after each turn, outside of what is measured.
    """
    for turn in range(plan.warm_up + plan.runs):
        for subject in _order(subjects, turn):
            prepare_ns, invoke_ns = subject.judge(clock)
            if turn >= plan.warm_up:
                subject.prepare_ns.append(prepare_ns)
                subject.invoke_ns.append(invoke_ns)
        between()


def measured(subjects: Sequence[Subject], plan: Plan) -> list[Measurement]:
    """Return the figures of all subjects, each against the first bundle at its thread count."""
    names = bundle_names([(one.archive.title, one.path) for one in subjects])
    # Not told by its path: a bundle set against itself, which shows the noise, has that twice.
    first = {one.threads: one for one in reversed(subjects)}
    return [
        Measurement(
            bundle=name,
            file=str(one.path),
            threads=one.threads,
            engine=str(getattr(one.engine, "name", plan.driver)),
            runs=len(one.invoke_ns),
            golden_passed=one.golden_passed,
            whole_ms=percentiles_ms(one.whole_ns),
            invoke_ms=percentiles_ms(one.invoke_ns),
            prepare_ms=percentiles_ms(one.prepare_ns),
            times_first=None if one is first[one.threads] else _ratios(one, first[one.threads]),
        )
        for name, one in zip(names, subjects, strict=True)
    ]


def bundle_names(titles: Sequence[tuple[str, Path]]) -> list[str]:
    """Return what to call the bundles: name and version, or else file, or else path.

    The file's name where name and version repeat, its path where the file's name does so, too.
    """
    titled = Counter(title for title, _ in set(titles))
    filed = Counter(path.name for path in {path for _, path in titles})

    def call(title: str, path: Path) -> str:
        if titled[title] == 1:
            return title
        return path.name if filed[path.name] == 1 else str(path)

    return [call(title, path) for title, path in titles]


def _order(subjects: Sequence[Subject], turn: int) -> list[Subject]:
    """Begin with another one each time, to and fro: what runs later finds other caches."""
    start = turn // 2 % len(subjects)
    order = [*subjects[start:], *subjects[:start]]
    return order if turn % 2 == 0 else order[::-1]


def _ratios(one: Subject, first: Subject) -> Ratios:
    return Ratios(
        whole=ratio_of_medians(one.whole_ns, first.whole_ns),
        invoke=ratio_of_medians(one.invoke_ns, first.invoke_ns),
        prepare=ratio_of_medians(one.prepare_ns, first.prepare_ns),
    )


def _check_golden(subject: Subject) -> bool:
    def infer(prepared: Pixels) -> NDArray[np.float32]:
        subject.engine.input_view()[...] = prepared
        return subject.engine.infer()

    return check_golden(subject.archive, infer).passed


def _frame_for(archive: Archive, frame: Pixels | None, path: Path) -> Pixels:
    if frame is None:
        return golden_frames(archive.contents)[0]
    try:
        check_frame_size(frame, archive.manifest.input)
    except FrameError as error:
        spec = archive.manifest.input
        raise ModelError(
            f"--frame has {frame.shape[1]}x{frame.shape[0]} pixels but {path.name} is made for "
            f"{spec.frame_width}x{spec.frame_height}: give a frame of that size, or leave --frame "
            "out and each bundle judges a golden frame of its own"
        ) from error
    return frame
