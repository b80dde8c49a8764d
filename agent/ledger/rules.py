"""How a part's row may change: pure rules, so that host and controller never disagree."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.records import OutcomeCode, Reason, VerdictKind

# What the host makes of a PASS when the controller did not let the part through: both sides always
# say the same of a part.
TAKEN_BACK = {
    OutcomeCode.LATE_REFUSED: Reason.LATE,
    OutcomeCode.TOO_CLOSE: Reason.TOO_CLOSE,
    OutcomeCode.NO_HEARTBEAT: Reason.GATE,
    OutcomeCode.FAULT: Reason.GATE,
    OutcomeCode.REJECTED: Reason.GATE,
    OutcomeCode.BELT_STOP: Reason.BELT_STOP,
    OutcomeCode.BELT_SPEED: Reason.BELT_SPEED,
    OutcomeCode.BELT_BACK: Reason.BELT_BACK,
}

# The same part reported twice by its controller lies this close together in the host's time; a
# number of the same boot which is further off is another part, of a controller that has counted
# its boots round.
SAME_PART_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RowState:
    """The part of a row that decides what may still happen to it."""

    verdict: VerdictKind
    reason: Reason
    outcome: OutcomeCode | None
    complete: bool = False


OPENED = RowState(VerdictKind.UNINSPECTED, Reason.PENDING, None)


def judged(state: RowState, kind: VerdictKind, reason: Reason) -> RowState | None:
    """Return the row's state with this verdict; None when the row is settled otherwise.

    A verdict is given once and may then only be taken back to UNINSPECTED. A complete row is
    on its way to the plant: it never changes.
    """
    if (state.verdict, state.reason) == (kind, reason):
        return state
    # `restart` takes nothing back: it has only heard the trigger again.
    judged_before = state.verdict is not VerdictKind.UNINSPECTED and reason is not Reason.RESTART
    taken_back = kind is VerdictKind.UNINSPECTED and judged_before
    if state.complete or not (state.reason is Reason.PENDING or taken_back):
        return None
    return _settled(replace(state, verdict=kind, reason=reason))


def reported(state: RowState, code: OutcomeCode) -> RowState | None:
    """Return the row's state with this outcome; None when it is complete with another."""
    if state.outcome is code:
        return state
    if state.complete or state.outcome not in {None, OutcomeCode.UNKNOWN}:
        return None
    return _settled(replace(state, outcome=code))


def same_part(at_ns: int, row_at_ns: int, *, same_host_boot: bool, complete: bool) -> bool:
    """Tell whether a trigger repeats the one of a row with the same boot and number.

    Monotonic times of two host boots cannot be compared; then a row which still waits for its
    outcome belongs to a trigger that the controller has not stopped repeating.
    """
    if not same_host_boot:
        return not complete
    return abs(at_ns - row_at_ns) <= SAME_PART_NS


def _settled(state: RowState) -> RowState:
    """Take back a PASS which the gate did not obey; tell whether the row is complete.

    A PASS without a report waits for the controller's repeated OUTCOME.
    """
    verdict, reason = state.verdict, state.reason
    if verdict is VerdictKind.PASS and state.outcome in TAKEN_BACK:
        verdict, reason = VerdictKind.UNINSPECTED, TAKEN_BACK[state.outcome]
    waits = state.outcome is None or (
        verdict is VerdictKind.PASS and state.outcome is OutcomeCode.UNKNOWN
    )
    complete = reason is not Reason.PENDING and not waits
    return RowState(verdict, reason, state.outcome, complete)
