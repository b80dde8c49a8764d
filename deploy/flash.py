"""Flash a model: fetch, check, try in a child, install, switch, and see the agent take it over."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bundle.archive import Archive, open_archive, parse_archive
from bundle.errors import BundleError, SlotError
from bundle.judging import read_judging
from bundle.manifest import Manifest
from bundle.signature import Keyring
from bundle.slot_files import bundle_path, read_state
from bundle.slot_state import SlotState, check_free, check_release
from deploy.clock import Clock
from deploy.errors import FitError, LineConfigError, SourceError
from deploy.findings import Findings
from deploy.fit import check_fit, check_time
from deploy.holding import hold_flashing, hold_slots
from deploy.line_config import LineConfig
from deploy.probe import probe_bundle
from deploy.source import Fetched, fetch, read_file
from deploy.takeover import Outcome, Wanted, await_agent

SHADOW = "shadow"  # the source that is the shadow's own bundle
_SPARE_BYTES = 4 * 1024 * 1024  # for the state, its copy and what the agent writes meanwhile


class View(Protocol):
    """Where the technician sees how far it is."""

    def begin(self, step: str) -> None:
        """Say what is being done now."""
        ...

    def part(self, done: int, total: int) -> None:
        """Say how far the step is; a `total` of 0 is not known."""
        ...

    def done(self, result: str) -> None:
        """Say how the step ended."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What the technician asked for; `by` says who it was."""

    source: str
    by: str
    shadow: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class Means:
    """What flashing works with; tests bring their own."""

    trust: Keyring
    clock: Clock
    view: View
    probe: Callable[[bytes, int], Findings] = probe_bundle


@dataclass(frozen=True, slots=True)
class Flashed:
    """A model that was flashed, and what the agent made of it."""

    archive: Archive
    fetched: Fetched
    sha256: str
    state: SlotState
    findings: Findings
    outcome: Outcome


def flash_bundle(request: Request, line: LineConfig, means: Means) -> Flashed:
    """Bring a model to the line; until it is installed nothing is changed, whatever happens.

    Raises DeployError or BundleError with the reason.
    """
    check_has_slots(line)
    with hold_flashing(line.slots):
        fetched = _fetched(request, line, means)
        archive = _checked(fetched.data, request, line, means)
        findings = _tried(fetched.data, line, means)
        before = read_judging(line.slots)
        state = _installed(fetched.data, request, line, means)
        sha256 = hashlib.sha256(fetched.data).hexdigest()
        wanted = Wanted(archive.title, sha256, shadow=request.shadow)
        means.view.begin("waiting for the agent")
        outcome = await_agent(line.slots, wanted, before, means.clock)
        means.view.done(_AGENT[outcome])
        return Flashed(archive, fetched, sha256, state, findings, outcome)


def check_has_slots(line: LineConfig) -> None:
    """Refuse a line that judges by one fixed file. Raises LineConfigError."""
    if line.fixed is not None:
        raise LineConfigError(
            f"this line judges by the file {line.fixed} and has no slots: write "
            f'slots = "{line.slots}" in the place of bundle under [model], and restart the agent'
        )


_AGENT: dict[Outcome, str] = {
    "judges": "the agent judges with it",
    "shadow": "it judges beside the other one; the gate does not listen to it",
    "not_running": "the agent is not running: it will start with this model",
}


def _fetched(request: Request, line: LineConfig, means: Means) -> Fetched:
    means.view.begin("reading the model")
    if request.source == SHADOW and not Path(SHADOW).exists():
        fetched = _shadow(line, means)
    else:
        fetched = fetch(request.source, means.clock, means.view.part)
    means.view.done(f"{len(fetched.data) / 1e6:.1f} MB from {fetched.name}")
    return fetched


def _shadow(line: LineConfig, means: Means) -> Fetched:
    """Return the bundle that judges beside the active one, to be flashed itself."""
    state = read_state(line.slots)
    held = state.slots.get(state.free)
    if held is None or state.shadowing is None:
        raise SourceError("no model runs as a shadow: `linewarden flash FILE --shadow` starts one")
    path = bundle_path(line.slots, state.free)
    return Fetched(str(path), read_file(path, means.view.part))


def _checked(data: bytes, request: Request, line: LineConfig, means: Means) -> Archive:
    means.view.begin("checking signature, contents and fit")
    archive = parse_archive(data, means.trust, allow_unsigned=line.allow_unsigned)
    state = read_state(line.slots)
    _check_new(data, state, request)
    check_free(state)
    check_release(state, archive.manifest.release, means.trust.trusted, force=request.force)
    check_fit(archive.manifest, line, _judging(line.slots, state), force=request.force)
    _check_room(line.slots, len(data))
    signers = ", ".join(means.trust.name(each) for each in archive.signers)
    means.view.done(
        f"{archive.title}, release {archive.manifest.release}, "
        + (f"signed by {signers}" if signers else "NOT SIGNED, which is allowed here")
    )
    return archive


def _tried(data: bytes, line: LineConfig, means: Means) -> Findings:
    means.view.begin("trying it in a process of its own")
    findings = means.probe(data, line.threads)
    check_time(findings, line)
    budget = "" if line.budget_ms is None else f" of the line's {line.budget_ms:.0f}"
    means.view.done(
        f"{findings.frames} golden frames agree; a verdict takes {findings.p99_ms:.1f}{budget} ms"
    )
    return findings


def _installed(data: bytes, request: Request, line: LineConfig, means: Means) -> SlotState:
    means.view.begin("writing it into the free slot")
    with hold_slots(line, means.trust, request.by, means.clock) as slots:
        slots.install(data, force=request.force)
        state = slots.shadow() if request.shadow else slots.switch()
    means.view.done("written, read back and switched" if not request.shadow else "written")
    return state


def _check_new(data: bytes, state: SlotState, request: Request) -> None:
    """Refuse what judges already, and without `force` what was rolled back here."""
    sha256 = hashlib.sha256(data).hexdigest()
    judging = state.judging
    if judging is not None and judging.sha256 == sha256:
        raise FitError(f"{judging.title} judges already: nothing to do")
    if request.shadow and judging is None:
        raise FitError("no model judges yet, so there is nothing to compare: flash it plainly")
    for held in state.slots.values():
        if held.sha256 == sha256 and held.status == "failed" and not request.force:
            raise FitError(
                f"{held.title} was tried here and taken back: get another one; "
                "`--force` tries it again"
            )


def _judging(folder: Path, state: SlotState) -> Manifest | None:
    """Return the manifest of the model that judges; None where it cannot be read."""
    if state.active is None:
        return None
    with suppress(BundleError):
        return open_archive(bundle_path(folder, state.active)).manifest
    return None


def _check_room(folder: Path, size: int) -> None:
    with suppress(OSError):
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if free < size + _SPARE_BYTES:
            raise SlotError(
                f"the disk of {folder} is full: {free / 1e6:.1f} MB are free, the model needs "
                f"{(size + _SPARE_BYTES) / 1e6:.1f}: make room; nothing was changed"
            )
