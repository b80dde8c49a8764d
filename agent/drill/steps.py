"""The faults that a gate is drilled for, what the technician does, and what the gate should do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from agent.config.gate import GateSection, LcusGate, SimGate


class Fault(str, Enum):
    """The fail-safe matrix in `docs/gates.md` and the belt's stop, in the order of the drill."""

    PROCESS_DEAD = "process_dead"
    CABLE_OUT = "cable_out"
    CONTROLLER_DEAD = "controller_dead"
    LATE_VERDICT = "late_verdict"
    QUEUE_FULL = "queue_full"
    NO_FRAME = "no_frame"
    MODEL_ERROR = "model_error"
    DISK_FULL = "disk_full"
    BELT_STOP = "belt_stop"  # in no matrix: only where a disagreement is to stop the belt
    HOST_DEAD = "host_dead"  # the last: the drill itself dies with this computer


class Play(Enum):
    """What the drill does at the gate in the agent's place."""

    KILLED = "killed"  # a host that passes every part is killed
    LOST = "lost"  # a host that passes every part loses its gate
    LATE = "late"  # every permission comes too late
    CROWDED = "crowded"  # one part in flight is allowed, and more come
    SILENT = "silent"  # no permission is given
    HALTED = "halted"  # the belt's run permit is taken away
    AWAY = "away"  # nothing: this computer is off


@dataclass(frozen=True, slots=True)
class Step:
    """One fault: what to do, and how the drill takes part."""

    fault: Fault
    play: Play
    todo: str
    undo: str = ""
    question: str = "Was every part diverted (to the bin) while this lasted?"
    done: str = "diverted"  # what the technician's yes and no say in the record
    failed: str = "let through"


_SILENT = "The drill gives no permission, as the agent does {why}. Put a good part through."
STEPS = (
    Step(
        Fault.PROCESS_DEAD,
        Play.KILLED,
        "A stand-in for the agent passes every part. It is killed when you press Enter.",
    ),
    Step(
        Fault.CABLE_OUT,
        Play.LOST,
        "Pull the cable between this computer and the gate.",
        "Plug the cable in again.",
    ),
    Step(
        Fault.CONTROLLER_DEAD,
        Play.LOST,
        "Take the power from the gate's controller (for a relay: from its board).",
        "Give it its power again.",
    ),
    Step(
        Fault.LATE_VERDICT,
        Play.LATE,
        "The drill gives each permission when its part is at the gate already. "
        "Put a good part through.",
    ),
    Step(
        Fault.QUEUE_FULL,
        Play.CROWDED,
        "The drill allows one part between camera and gate. Put three through, close together.",
    ),
    Step(Fault.NO_FRAME, Play.SILENT, _SILENT.format(why="for a part without a picture")),
    Step(Fault.MODEL_ERROR, Play.SILENT, _SILENT.format(why="when the model fails")),
    Step(Fault.DISK_FULL, Play.SILENT, _SILENT.format(why="for a row that it cannot write")),
    Step(
        Fault.BELT_STOP,
        Play.HALTED,
        "Start the belt. The drill takes its run permit away, as a disagreement does, when you "
        "press Enter.",
        "The permit is back. The belt should start by its own button only: see it.",
        "Did the belt stand at once, and until the permit was back?",
        "belt stood",
        "belt ran on",
    ),
    Step(
        Fault.HOST_DEAD,
        Play.AWAY,
        "Pull the plug of this computer while the line runs, put a good part through, and plug "
        "it in again. Then start the drill again: it goes on here.",
    ),
)

_UNPOWERED = frozenset({Fault.HOST_DEAD, Fault.CABLE_OUT, Fault.CONTROLLER_DEAD})


def steps_for(gate: GateSection) -> tuple[Step, ...]:
    """Return the steps that a gate is drilled in."""
    return tuple(step for step in STEPS if gate.stops or step.fault is not Fault.BELT_STOP)


def known_open(gate: GateSection) -> frozenset[Fault]:
    """Return the faults in which this gate is known to let parts through, by its wiring."""
    if isinstance(gate, SimGate) or gate.wiring == "energise_to_pass":
        return frozenset()
    if gate.driver == "controller":
        return frozenset({Fault.CONTROLLER_DEAD})
    if isinstance(gate, LcusGate) and gate.held:
        return _UNPOWERED
    return _UNPOWERED | {Fault.PROCESS_DEAD}


def reports(gate: GateSection) -> bool:
    """Whether the gate itself tells what became of each part, by a photo-eye and clock of its own.

    A relay only tells that a command was obeyed.
    """
    return gate.driver in {"controller", "sim"}
