"""See by the agent's own report whether it judges with the new model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bundle.judging import Judging, read_judging
from bundle.slot_files import read_state
from deploy.clock import Clock
from deploy.errors import TakeOverError

LIMIT_S = 30.0
_LOOK_S = 0.05

Outcome = Literal["judges", "shadow", "not_running"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The model that the agent is to judge with, or to try as a shadow; `sha256` "" for none."""

    title: str
    sha256: str
    shadow: bool = False


def await_agent(
    folder: Path, wanted: Wanted, before: Judging | None, clock: Clock, limit_s: float = LIMIT_S
) -> Outcome:
    """Wait until the running agent has the model; one that does not run takes it at its start.

    `before` is what the agent said before the change. Raises TakeOverError.
    """
    end_ns = clock.now_ns() + round(limit_s * 1e9)
    while True:
        judging = read_judging(folder)
        if judging is None or not is_running(judging.pid):
            return "not_running"
        if _has(judging, wanted):
            return "shadow" if wanted.shadow else "judges"
        _check_refused(folder, judging, wanted, before)
        if clock.now_ns() > end_ns:
            raise TakeOverError(
                f"{wanted.title} is in its slot, but the agent has not taken it over within "
                f"{limit_s:g} s and judges as before: look at `journalctl -u linewarden -n 50`, "
                "then `linewarden rollback` or restart the agent"
            )
        clock.sleep(_LOOK_S)


def is_running(pid: int, processes: Path = Path("/proc")) -> bool:
    """Tell whether a process lives; one that only waits to be buried does not."""
    try:
        text = (processes / str(pid) / "stat").read_text("ascii", "replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[:1] not in ([], ["Z"], ["X"])


def _has(judging: Judging, wanted: Wanted) -> bool:
    if wanted.shadow:
        return judging.shadow is not None and judging.shadow.title == wanted.title
    return judging.sha256 == wanted.sha256 and (judging.ready or not wanted.sha256)


def _check_refused(folder: Path, judging: Judging, wanted: Wanted, before: Judging | None) -> None:
    """Raise TakeOverError where the agent refused the model, or somebody took it away again."""
    refused = judging.refused
    if refused and (before is None or refused != before.refused):
        raise TakeOverError(f"the agent refused {wanted.title}, nothing else changed: {refused}")
    if wanted.shadow:
        return
    active = read_state(folder).judging
    if (active.sha256 if active else "") != wanted.sha256:
        raise TakeOverError(
            f"{wanted.title} was taken back at once, by the agent or by somebody else: "
            "`linewarden status` says what judges now"
        )
