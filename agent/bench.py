"""Measure a bundle on this machine: load, prepare and invoke times, size, memory."""

from __future__ import annotations

import json
import os
import platform
import resource
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from agent.clock import Clock, SystemClock
from agent.drivers import open_engine
from agent.errors import AgentError, ModelError
from agent.ports import Engine
from bundle.archive import Archive, open_archive
from bundle.errors import BundleError
from bundle.golden import check_golden, golden_frames
from bundle.prepare import Pixels, prepare_frame

WARM_UPS = 10

OpenEngine = Callable[[str, bytes, int], Engine]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Times of one stage in milliseconds."""

    p50: float
    p90: float
    p99: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one bundle costs on this machine."""

    bundle: str
    engine: str
    threads: int
    runs: int
    size_bytes: int
    model_bytes: int
    load_ms: float
    prepare_ms: Percentiles
    invoke_ms: Percentiles
    golden_passed: bool


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine that was measured."""

    cpu: str
    cores: int
    system: str


@dataclass(slots=True)
class _Subject:
    """One bundle under measurement."""

    archive: Archive
    engine: Engine
    frame: Pixels
    load_ns: int
    golden_passed: bool = False
    prepare_ns: list[int] = field(default_factory=list)
    invoke_ns: list[int] = field(default_factory=list)


def bench(
    *,
    bundle: Annotated[Path, typer.Option(help="The bundle to measure.")],
    against: Annotated[
        Path | None, typer.Option(help="A second bundle, measured in turn with the first.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads per inference.")] = 1,
    runs: Annotated[int, typer.Option(min=1, max=1_000_000, help="Parts to measure.")] = 300,
    frame: Annotated[
        Path | None, typer.Option(help="Camera picture to judge; else a golden frame.")
    ] = None,
    driver: Annotated[str, typer.Option(help="Engine to run the model on.")] = "litert",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Measure a bundle's latency and size on this machine.

    Example: linewarden bench --bundle examples/casting-mobilenet_v2-int8.lwb --threads 2
    """
    paths = [bundle] if against is None else [bundle, against]
    pixels = None if frame is None else _read_picture(frame)
    found = measure_bundles(
        paths, open_engine, SystemClock(), driver=driver, threads=threads, runs=runs, frame=pixels
    )
    machine = read_machine()
    typer.echo(_json_text(found, machine) if as_json else _plain_text(found, machine))


def measure_bundles(
    paths: Sequence[Path],
    engine_opener: OpenEngine,
    clock: Clock,
    *,
    driver: str = "litert",
    threads: int = 1,
    runs: int = 300,
    frame: Pixels | None = None,
) -> list[Measurement]:
    """Measure bundles part by part in turn, so that all see the same state of the machine.

    `frame` is the camera frame to judge; without it each bundle's first golden frame is. Raises
    ModelError.
    """
    subjects: list[_Subject] = []
    try:
        for path in paths:
            opener = _timed_opener(engine_opener, clock, driver, threads)
            subjects.append(_open_subject(path, opener, frame))
        _run(subjects, clock, runs)
        return [_measured(subject, driver, threads) for subject in subjects]
    except (AgentError, BundleError) as error:
        raise ModelError(f"cannot measure: {error}") from error
    finally:
        for subject in subjects:
            subject.engine.close()


def read_machine() -> Machine:
    """Return the name of the processor, the cores this process may use and the system."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):  # a Raspberry Pi has only the second
            cpu = value.strip()
            break
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Machine(cpu, len(os.sched_getaffinity(0)), system)


def _timed_opener(
    engine_opener: OpenEngine, clock: Clock, driver: str, threads: int
) -> Callable[[bytes], tuple[Engine, int]]:
    def opener(model: bytes) -> tuple[Engine, int]:
        start_ns = clock.now_ns()
        engine = engine_opener(driver, model, threads)
        return engine, clock.now_ns() - start_ns

    return opener


def _open_subject(
    path: Path, opener: Callable[[bytes], tuple[Engine, int]], frame: Pixels | None
) -> _Subject:
    archive = open_archive(path)
    engine, load_ns = opener(archive.model)
    subject = _Subject(archive, engine, _frame_for(archive, frame), load_ns)

    def infer(prepared: Pixels) -> NDArray[np.float32]:
        engine.input_view()[...] = prepared
        return engine.infer()

    try:
        subject.golden_passed = check_golden(archive, infer).passed
        for _ in range(WARM_UPS):
            engine.infer()
    except (AgentError, BundleError):
        engine.close()
        raise
    return subject


def _frame_for(archive: Archive, frame: Pixels | None) -> Pixels:
    return golden_frames(archive.contents)[0] if frame is None else frame


def _run(subjects: Sequence[_Subject], clock: Clock, runs: int) -> None:
    for turn in range(runs):
        # Each goes first every other time: what runs second finds other caches.
        for subject in subjects if turn % 2 == 0 else reversed(subjects):
            start_ns = clock.now_ns()
            spec = subject.archive.manifest.input
            prepare_frame(subject.frame, spec, subject.engine.input_view())
            prepared_ns = clock.now_ns()
            subject.engine.infer()
            subject.invoke_ns.append(clock.now_ns() - prepared_ns)
            subject.prepare_ns.append(prepared_ns - start_ns)


def _measured(subject: _Subject, driver: str, threads: int) -> Measurement:
    return Measurement(
        bundle=subject.archive.title,
        engine=str(getattr(subject.engine, "name", driver)),
        threads=threads,
        runs=len(subject.invoke_ns),
        size_bytes=subject.archive.size,
        model_bytes=len(subject.archive.model),
        load_ms=round(subject.load_ns / 1e6, 4),
        prepare_ms=_percentiles(subject.prepare_ns),
        invoke_ms=_percentiles(subject.invoke_ns),
        golden_passed=subject.golden_passed,
    )


def _percentiles(times_ns: Sequence[int]) -> Percentiles:
    p50, p90, p99 = (round(float(time), 4) for time in np.percentile(times_ns, (50, 90, 99)) / 1e6)
    return Percentiles(p50, p90, p99)


def _read_picture(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint8:
        raise ModelError(f"{path} is not a readable 8-bit picture")
    return pixels  # type: ignore[return-value]


def _ratios(found: Sequence[Measurement]) -> dict[str, float]:
    """Return the medians of the first bundle over those of the second."""
    first, second = found
    return {
        "invoke": round(first.invoke_ms.p50 / max(second.invoke_ms.p50, 1e-9), 4),
        "prepare": round(first.prepare_ms.p50 / max(second.prepare_ms.p50, 1e-9), 4),
    }


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _json_text(found: Sequence[Measurement], machine: Machine) -> str:
    answer: dict[str, Any] = {**asdict(found[0]), "machine": asdict(machine)}
    answer["peak_memory_bytes"] = _peak_bytes()
    if len(found) > 1:
        answer |= {"against": asdict(found[1]), "ratio_of_medians": _ratios(found)}
    return json.dumps(answer, indent=1)


def _plain_text(found: Sequence[Measurement], machine: Machine) -> str:
    lines = [f"{machine.cpu}, {machine.cores} cores, {machine.system}"]
    for one in found:
        golden = "give" if one.golden_passed else "DO NOT give"
        lines += [
            f"{one.bundle} on {one.engine}, threads {one.threads}, {one.runs} runs",
            f"  {one.size_bytes} bytes (model {one.model_bytes}), loaded in {one.load_ms:.1f} ms",
            f"  golden frames {golden} the expected outputs",
        ]
        for stage, times in (("prepare", one.prepare_ms), ("invoke", one.invoke_ms)):
            lines.append(
                f"  {stage:8} p50 {times.p50:8.3f} ms   p90 {times.p90:8.3f} ms   "
                f"p99 {times.p99:8.3f} ms"
            )
    if len(found) > 1:
        ratios = _ratios(found)
        lines.append(
            f"medians of the first over the second: invoke {ratios['invoke']:.3f}, "
            f"prepare {ratios['prepare']:.3f}"
        )
    return "\n".join([*lines, f"peak memory of this process {_peak_bytes() / 1e6:.0f} MB"])
