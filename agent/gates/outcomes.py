"""What the controller's words for an outcome mean to the agent; pure."""

from __future__ import annotations

from agent.gates.codes import OutcomeKind
from agent.records import OutcomeCode

CODES = {
    OutcomeKind.PASSED: OutcomeCode.PASSED,
    OutcomeKind.REJECTED: OutcomeCode.REJECTED,
    OutcomeKind.LATE_REFUSED: OutcomeCode.LATE_REFUSED,
    OutcomeKind.TOO_CLOSE: OutcomeCode.TOO_CLOSE,
    OutcomeKind.NO_HEARTBEAT: OutcomeCode.NO_HEARTBEAT,
    OutcomeKind.FAULT: OutcomeCode.FAULT,
    OutcomeKind.BELT_STOP: OutcomeCode.BELT_STOP,
    OutcomeKind.BELT_SPEED: OutcomeCode.BELT_SPEED,
    OutcomeKind.BELT_BACK: OutcomeCode.BELT_BACK,
    OutcomeKind.NONE: OutcomeCode.UNKNOWN,
}
# What a part may be bound to from its edge on, so that nobody need look at it.
_BOUND = frozenset(
    {OutcomeKind.TOO_CLOSE, OutcomeKind.BELT_STOP, OutcomeKind.BELT_SPEED, OutcomeKind.BELT_BACK}
)


def bound(barred: OutcomeKind) -> OutcomeCode | None:
    """Return what a part is bound to by its TRIGGER; None where it must be looked at."""
    return CODES[barred] if barred in _BOUND else None
