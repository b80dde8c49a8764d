"""Where a climb down the ladder stands, and what it leaves on disk; written and read here only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from bundle.manifest import first_fault
from export.errors import SlimError
from export.slim.ladder import Ladder
from training.errors import RunError
from training.run_folder import Record, RunFolder

STATE, WORK, COSTS = "state.json", "work.keras", "latency.json"
FRONT, STEPS, LOG = "front.json", "slim.json", "slim.log"

Kind = Literal["plain", "relearn", "cut", "recover", "distil", "finish"]


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to do on a rung; `part` of 1 is how far down to it this cut goes."""

    rung: int
    kind: Kind
    part: float = 1.0


class StepFigures(Record):
    """The network after one step; accuracies are of the float network, at one half."""

    step: str
    size: int
    parameters: int
    macs: int
    int8_ms: float = Field(gt=0.0)
    validation_accuracy: float | None = None


class ClimbState(Record):
    """How many tasks are done, and epochs of the task in hand; `taught` counts all epochs.

    `swish` says whether the network has one to lose first; `source` is the SHA-256 of the file of
    the full network, empty in climbs of old.
    """

    rungs: tuple[str, ...] = ()
    swish: bool = False
    source: str = ""
    tasks: int = 0
    epochs: int = 0
    taught: int = 0
    steps: tuple[StepFigures, ...] = ()


class SlimFacts(Record):
    """How one rung's network came about: `slim.json` in its folder."""

    rung: str
    widths: dict[str, int]
    full_widths: dict[str, int]
    steps: tuple[StepFigures, ...]


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a network's file; empty where there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def list_tasks(
    ladder: Ladder, *, swish: bool = False, until: str | None = None
) -> tuple[Task, ...]:
    """Return what is to be done down to the rung `until`, in its order; None: to the last.

    A network with swish loses that first.
    """
    lessons = ladder.lessons_of(swish=swish)
    tasks = []
    if swish:
        tasks.append(Task(0, "plain"))
        if lessons.relearn is not None:
            tasks.append(Task(0, "relearn"))
    for place, rung in enumerate(ladder.rungs):
        for cut in range(1, rung.cuts + 1):
            tasks.append(Task(place, "cut", cut / rung.cuts))
            if lessons.recover is not None:
                tasks.append(Task(place, "recover"))
        tasks += [Task(place, "distil"), Task(place, "finish")]
        if rung.name == until:
            break
    return tuple(tasks)


@dataclass(frozen=True, slots=True)
class ClimbFolder:
    """The folder `slim` of a run. Every file is replaced whole, the state last."""

    path: Path

    @property
    def costs(self) -> Path:
        """Return where the latency table lies."""
        return self.path / COSTS

    @property
    def front(self) -> Path:
        """Return where the front lies."""
        return self.path / FRONT

    @property
    def log(self) -> Path:
        """Return where the converter's lines go."""
        return self.path / LOG

    @property
    def work(self) -> Path:
        """Return where the network in hand lies."""
        return self.path / WORK

    def rung(self, name: str) -> RunFolder:
        """Return the run folder of a rung."""
        return RunFolder(self.path / name)

    def read_state(self) -> ClimbState:
        """Return where the climb stands; the beginning where there is nothing. Raises SlimError."""
        path = self.path / STATE
        try:
            return ClimbState.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return ClimbState()
        except OSError as error:
            raise SlimError(f"cannot read {path}: {error.strerror}") from error
        except ValidationError as error:
            raise SlimError(f"{path} is wrong: {first_fault(error, 'state')}") from error

    def refuse_other(self, state: ClimbState, ladder: Ladder, source: str) -> None:
        """Raise SlimError where the folder holds another ladder's climb, or another network's."""
        rungs = tuple(rung.name for rung in ladder.rungs)
        if state.rungs not in ((), rungs):
            raise SlimError(
                f"{self.path} holds {', '.join(state.rungs)}, not {', '.join(rungs)}: remove that "
                "folder to prune anew"
            )
        if state.source not in ("", source):
            raise SlimError(
                f"{self.path} was pruned from another network than the run has now: remove that "
                "folder to prune anew"
            )

    def keep(self, state: ClimbState, network: Any = None) -> None:
        """Write the network in hand, if it changed, then the state. Raises SlimError."""
        folder = RunFolder(self.path)
        try:
            if network is not None:
                folder.save_model(network, self.work)
            folder.write_json(STATE, state.model_dump(mode="json"))
        except RunError as error:
            raise SlimError(str(error)) from error


def read_facts(run: RunFolder) -> SlimFacts:
    """Return how a rung's network came about. Raises SlimError."""
    path = run.path / STEPS
    try:
        return SlimFacts.model_validate_json(path.read_bytes())
    except OSError as error:
        raise SlimError(f"cannot read {path}: {error.strerror}") from error
    except ValidationError as error:
        raise SlimError(f"{path} is wrong: {first_fault(error, 'facts')}") from error
