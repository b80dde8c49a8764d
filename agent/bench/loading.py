"""What a bundle costs to load, in time and memory: measured in a fresh child process."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from agent.bench.child import child_environment
from agent.bench.interpreter import find_library
from agent.clock import Clock, SystemClock
from agent.drivers import open_engine
from agent.errors import AgentError, ModelError
from agent.ports import Engine
from bundle.archive import Archive, open_archive
from bundle.errors import BundleError
from bundle.golden import golden_frames
from bundle.prepare import prepare_frame

LOADS = 5
DEADLINE_S = 120


@dataclass(frozen=True, slots=True)
class Loading:
    """Medians of five loads, and the memory of the first; memory is None without /proc.

    `archive_ms` reads and checks the file, `engine_ms` builds the interpreter, `first_part_ms`
    judges the first part. `grows_bytes` is what the process grew by with the first part judged,
    `peak_bytes` the most that it had grown by on the way.
    """

    archive_ms: float
    engine_ms: float
    first_part_ms: float
    load_ms: float
    grows_bytes: int | None
    peak_bytes: int | None


Probe = Callable[[Path, str, int], Loading]


def probe_in_child(path: Path, driver: str, threads: int) -> Loading:
    """Load a bundle in a process of its own. Raises ModelError."""
    command = [sys.executable, "-m", "agent.bench.loading", str(path), driver, str(threads)]
    failed = f"{path}: the process that measures its loading failed"
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DEADLINE_S,
            env=child_environment(),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ModelError(f"{failed}: {error}") from error
    try:
        return Loading(**json.loads(done.stdout))
    except (ValueError, TypeError) as error:
        raise ModelError(f"{failed} ({_reason(done)})") from error


def load_repeatedly(
    path: Path,
    threads: int,
    clock: Clock,
    engine_opener: Callable[[bytes, int], Engine],
    process: Path,
) -> Loading:
    """Load a bundle five times and judge a part each time; `process` is /proc/self.

    Raises AgentError, BundleError.
    """
    before = _resident(process)
    _reset_peak(process)
    grown = peak = None
    times_ns: list[tuple[int, int, int]] = []
    for turn in range(LOADS):
        drop_from_cache(path)
        archive, engine, taken_ns = _load_once(path, threads, clock, engine_opener)
        times_ns.append(taken_ns)
        if turn == 0 and before is not None:
            grown, peak = _growth(process, before)
        engine.close()
        del engine, archive
        gc.collect()
    archive_ms, engine_ms, part_ms = (
        round(median(stage) / 1e6, 4) for stage in zip(*times_ns, strict=True)
    )
    load_ms = round(median(archive + engine for archive, engine, _ in times_ns) / 1e6, 4)
    return Loading(archive_ms, engine_ms, part_ms, load_ms, grown, peak)


def drop_from_cache(path: Path) -> None:
    """Ask the system to forget a file's pages, so that it is read from the disk again."""
    with suppress(OSError), path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _reason(done: subprocess.CompletedProcess[str]) -> str:
    """Return the exit code, which tells of a signal, and the last line of what was said."""
    said = done.stderr.strip().splitlines()
    return ": ".join([f"exit code {done.returncode}", *said[-1:]])


def _load_once(
    path: Path, threads: int, clock: Clock, engine_opener: Callable[[bytes, int], Engine]
) -> tuple[Archive, Engine, tuple[int, int, int]]:
    """Load and judge a part; returns what is loaded with the nanoseconds of the three steps."""
    start_ns = clock.now_ns()
    archive = open_archive(path)
    opened_ns = clock.now_ns()
    engine = engine_opener(archive.model, threads)
    built_ns = clock.now_ns()
    frame = golden_frames(archive.contents)[0]
    ready_ns = clock.now_ns()  # a part comes from the camera: unpacking this one is not its time
    prepare_frame(frame, archive.manifest.input, engine.input_view())
    engine.infer()
    steps_ns = (opened_ns - start_ns, built_ns - opened_ns, clock.now_ns() - ready_ns)
    return archive, engine, steps_ns


def _growth(process: Path, before: int) -> tuple[int | None, int | None]:
    now, peak = _resident(process), _status(process, "VmHWM")
    return (
        None if now is None else max(now - before, 0),
        None if peak is None else max(peak - before, 0),
    )


def _resident(process: Path) -> int | None:
    return _status(process, "VmRSS")


def _status(process: Path, key: str) -> int | None:
    """Return a figure of /proc/self/status in bytes."""
    with suppress(OSError, ValueError):
        for line in (process / "status").read_text("ascii", "replace").splitlines():
            name, _, value = line.partition(":")
            if name == key:
                return int(value.split()[0]) * 1024
    return None


def _reset_peak(process: Path) -> None:
    """Begin the peak anew: importing the libraries took more than a small model does."""
    with suppress(OSError):
        (process / "clear_refs").write_text("5", "ascii")


def main() -> None:
    """Load the bundle named by the arguments and print the figures as JSON."""
    path, driver, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

    def opener(model: bytes, count: int) -> Engine:
        return open_engine(driver, model, count)

    try:
        find_library()  # importing it is a matter of the process, not of the bundle
        loading = load_repeatedly(path, threads, SystemClock(), opener, Path("/proc/self"))
    except (AgentError, BundleError) as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps(asdict(loading)))


if __name__ == "__main__":
    main()
