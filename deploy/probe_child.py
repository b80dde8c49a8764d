"""A process of its own: load a bundle from standard input, prove it, time it, print the findings.

    python -m deploy.probe_child THREADS RUNS < BUNDLE

The bundle's signature was checked before; whatever the model does here, it does to nobody else.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys

import numpy as np
from numpy.typing import NDArray

from bundle.archive import Archive, parse_archive
from bundle.errors import BundleError
from bundle.golden import check_golden, golden_frames
from bundle.policy import defect_score
from bundle.prepare import prepare_frame
from deploy.clock import Clock, SystemClock
from deploy.errors import ProbeError
from deploy.findings import Findings
from deploy.interpreter import Interpreter, Library, find_library

WARM_UPS = 5
MIN_RUNS = 20
TIMED_S = 5.0  # a slow model is timed with fewer runs

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NOBODY = 65534


def main() -> None:
    """Read, prove and time the bundle on standard input; print one JSON object."""
    threads, runs = int(sys.argv[1]), int(sys.argv[2])
    try:
        library = find_library()  # nobody may see no more than us
        leave_network()
        drop_rights()
        findings = examine(sys.stdin.buffer.read(), library, threads, runs, SystemClock())
    except (BundleError, ProbeError) as error:
        findings = Findings(refused=str(error)[:2000])
    except MemoryError:
        findings = Findings(
            refused="the model needs more memory than it may have: get a smaller one"
        )
    print(findings.model_dump_json(), flush=True)  # noqa: T201, to the parent
    os._exit(0)  # a damaged interpreter shall not stumble while it is taken down


def leave_network() -> bool:
    """Go where there is no network, if the kernel lets us; tells whether it did."""
    libc = ctypes.CDLL(None, use_errno=True)
    return any(libc.unshare(how) == 0 for how in (_CLONE_NEWNET, _CLONE_NEWUSER | _CLONE_NEWNET))


def drop_rights() -> None:
    """Become nobody where we are root: a model needs no rights. Raises ProbeError."""
    if os.geteuid() != 0:
        return
    try:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    except OSError as error:
        raise ProbeError(f"the model cannot be tried without rights: {error.strerror}") from error


def examine(data: bytes, library: Library, threads: int, runs: int, clock: Clock) -> Findings:
    """Prove and time a bundle. Raises BundleError or ProbeError with the reason to refuse it."""
    archive = parse_archive(data)
    interpreter = Interpreter(archive.model, library, threads)
    spec = archive.manifest.input
    if interpreter.shape != (spec.height, spec.width, spec.channels):
        raise ProbeError(
            f"the model takes pictures of {interpreter.shape}, its manifest says otherwise: "
            "export it again"
        )
    _warm_up(archive, interpreter)
    report = check_golden(archive, interpreter.infer)
    if not report.passed:
        raise ProbeError(
            f"the golden frames give other outputs on this board (off by {report.worst:.4g}, "
            f"allowed {report.tolerance:.4g}): it would not judge as tested; get another model"
        )
    times_ns = _times(archive, interpreter, runs, clock)
    return Findings(
        interpreter=library.name,
        frames=report.frames,
        worst=report.worst,
        tolerance=report.tolerance,
        runs=len(times_ns),
        p50_ms=percentile_ms(times_ns, 0.5),
        p99_ms=percentile_ms(times_ns, 0.99),
    )


def percentile_ms(times_ns: list[int], share: float) -> float:
    """Return the smallest time that this share of all times does not exceed, in milliseconds."""
    return sorted(times_ns)[max(0, math.ceil(share * len(times_ns)) - 1)] / 1e6


def _warm_up(archive: Archive, interpreter: Interpreter) -> None:
    manifest = archive.manifest
    shape = (manifest.input.height, manifest.input.width, manifest.input.channels)
    for _ in range(WARM_UPS):
        logits = interpreter.infer(np.zeros(shape, np.uint8))
    if logits.shape != (len(manifest.labels),):
        raise ProbeError("the model has another number of labels than its manifest: export it anew")
    defect_score(logits, manifest.defective_indices, manifest.output.temperature)


def _times(archive: Archive, interpreter: Interpreter, runs: int, clock: Clock) -> list[int]:
    """Return what each of some verdicts took, from the frame to the score, in nanoseconds."""
    manifest, frames = archive.manifest, golden_frames(archive.contents)
    times_ns: list[int] = []
    end_ns = clock.now_ns() + round(TIMED_S * 1e9)
    while len(times_ns) < runs and (len(times_ns) < MIN_RUNS or clock.now_ns() < end_ns):
        frame: NDArray[np.uint8] = frames[len(times_ns) % len(frames)]
        start_ns = clock.now_ns()
        logits = interpreter.infer(prepare_frame(frame, manifest.input))
        defect_score(logits, manifest.defective_indices, manifest.output.temperature)
        times_ns.append(clock.now_ns() - start_ns)
    return times_ns


if __name__ == "__main__":
    main()
