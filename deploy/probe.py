"""Try a new model in a process of its own, with bounds on memory, time and files."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from deploy.errors import ProbeError
from deploy.findings import Findings

MIB = 1024 * 1024
RUNS = 200
_ANSWER_BYTES = 64 * 1024
_COMMAND = (sys.executable, "-m", "deploy.probe_child")
_OUT_OF_MEMORY = ("MemoryError", "bad_alloc", "Cannot allocate memory")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the child may use. Its interpreter alone reserves 0.6 GiB of addresses."""

    memory_mib: int = 1536
    cpu_s: int = 60
    wall_s: float = 60.0
    niceness: int = 5  # the running line goes first


DEFAULT_BOUNDS = Bounds()


def probe_bundle(
    data: bytes,
    threads: int,
    bounds: Bounds = DEFAULT_BOUNDS,
    command: Sequence[str] = _COMMAND,
) -> Findings:
    """Load, prove and time a bundle in a child; whatever happens to it is a refusal.

    Raises ProbeError.
    """
    with _memory_file(data) as bundle, _child(command, threads, bundle) as child:
        # The limits stand before the child can have read a byte of the model.
        _bind(child.pid, bounds)
        try:
            code = child.wait(bounds.wall_s)
        except subprocess.TimeoutExpired as error:
            raise ProbeError(
                f"the model was not ready within {bounds.wall_s:g} s: it hangs or is far too slow "
                "for this board; ask for another one"
            ) from error
        answer, complaints = _read(child.stdout), _read(child.stderr)
    if code != 0:
        raise ProbeError(_death(code, bounds, complaints.decode("utf-8", "replace")))
    return _parse(answer)


@contextmanager
def _memory_file(data: bytes) -> Iterator[BinaryIO]:
    """Hold the bytes where the child can read them and nobody else can change them."""
    try:
        file = os.fdopen(os.memfd_create("linewarden-bundle"), "wb+")
        file.write(data)
        file.seek(0)
    except OSError as error:
        raise ProbeError(f"the model cannot be tried: {error.strerror}") from error
    with file:
        yield file


@contextmanager
def _child(
    command: Sequence[str], threads: int, bundle: BinaryIO
) -> Iterator[subprocess.Popen[bytes]]:
    try:
        child = subprocess.Popen(
            [*command, str(threads), str(RUNS)],
            stdin=bundle,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )
    except OSError as error:
        raise ProbeError(f"the model cannot be tried: {error.strerror}") from error
    with child:
        try:
            yield child
        finally:
            with suppress(ProcessLookupError, PermissionError):  # it, and what it started
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _environment() -> dict[str, str]:
    """Return little: where our packages are, and no threads that nobody asked for."""
    paths = os.pathsep.join(str(Path(each).absolute()) for each in sys.path if each)
    return {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1", "LC_ALL": "C.UTF-8"}


def _bind(pid: int, bounds: Bounds) -> None:
    """Put the limits on the child; when memory is short, it goes before the agent."""
    limits = {
        resource.RLIMIT_AS: bounds.memory_mib * MIB,
        resource.RLIMIT_CPU: bounds.cpu_s,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    try:
        for name, bound in limits.items():
            resource.prlimit(pid, name, (bound, bound + (name == resource.RLIMIT_CPU)))
    except ProcessLookupError:
        return  # it died already, and its exit code tells
    except OSError as error:
        raise ProbeError(f"the model cannot be tried within bounds: {error.strerror}") from error
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, bounds.niceness)
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000\n", "ascii")


def _read(pipe: object) -> bytes:
    """Return what lies in a pipe, without waiting for those who still hold its other end."""
    descriptor = pipe.fileno()  # type: ignore[attr-defined]
    os.set_blocking(descriptor, False)
    with suppress(BlockingIOError):
        return os.read(descriptor, _ANSWER_BYTES)
    return b""


def _death(code: int, bounds: Bounds, complaints: str) -> str:
    last = (complaints.strip().splitlines() or [""])[-1][:200]
    if any(sign in complaints for sign in _OUT_OF_MEMORY):
        return f"the model needs more than {bounds.memory_mib} MiB of memory: ask for a smaller one"
    if code < 0 and -code == signal.SIGXCPU:
        return (
            f"the model took more than {bounds.cpu_s} s to try: it is far too slow for this board"
        )
    if code < 0:
        return (
            f"the model kills its process ({_signal_name(-code)}): it is damaged, or needs more "
            f"memory than {bounds.memory_mib} MiB; it would have stopped the line. Get another one"
        )
    return f"the model cannot be tried here (exit code {code}{': ' if last else ''}{last})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _parse(answer: bytes) -> Findings:
    try:
        findings = Findings.model_validate_json(answer)
    except ValidationError as error:
        raise ProbeError("the trial of the model gave no answer: get another model") from error
    if findings.refused:
        raise ProbeError(findings.refused)
    if not findings.frames or not findings.runs:
        raise ProbeError("the trial of the model proved nothing: get another model")
    return findings
