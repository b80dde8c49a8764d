"""The separate judge of the board's line finds what it is there for."""

import pytest
from board_judge import disagreements
from board_wire import permissions

from agent.gates.messages import Pass, Ping
from agent.gates.wire import encode_frame
from agent.sim.judge import BeltPart

BELT = [BeltPart(0, 7, 1, 1, 100), BeltPart(1, 7, 2, None, 200)]


def _row(part, verdict, **changes):
    outcome = "passed" if verdict == "PASS" else "rejected"
    row = {"seq": part, "boot": 7, "gate_part": part, "verdict": verdict, "outcome": outcome}
    return {**row, "score": 0.25, "published": 1, **changes}


def _told(row, **changes):
    kept = {key: row[key] for key in ("seq", "verdict", "outcome", "score")}
    return {"id": f"board/e/{row['seq']}", **kept, **changes}


ROWS = [_row(1, "PASS"), _row(2, "REJECT")]
TOLD = [_told(row) for row in ROWS]
WIRE = {(7, 1)}


def test_accounts_that_agree_are_not_complained_of():
    """One part passed, one rejected; a result that came twice is no fault."""
    assert disagreements(BELT, WIRE, ROWS, [*TOLD, TOLD[0]]) == []


def test_a_permission_that_was_void_at_the_gate_is_no_disagreement():
    """Allowed, then diverted for want of a heartbeat: the row says UNINSPECTED, and is right."""
    rows = [ROWS[0], _row(2, "UNINSPECTED")]
    told = [_told(row) for row in rows]
    assert disagreements(BELT, {(7, 1), (7, 2)}, rows, told) == []


@pytest.mark.parametrize(
    ("belt", "wire", "rows", "told", "complaint"),
    [
        (BELT, WIRE, [_row(1, "REJECT"), ROWS[1]], TOLD, "without a PASS"),
        (BELT, set(), ROWS, TOLD, "permission on the wire"),
        (BELT, {(7, 1), (7, 2)}, ROWS, TOLD, "its row says REJECT"),
        (BELT, {(7, 1), (7, 3)}, ROWS, TOLD, "its row says None"),
        (BELT, WIRE, [_row(1, "UNINSPECTED"), ROWS[1]], TOLD, "its row says UNINSPECTED"),
        (BELT, WIRE, ROWS[:1], TOLD[:1], "has no row"),
        (BELT[:1], WIRE, ROWS, TOLD, "has no part"),
        (BELT, WIRE, [*ROWS, ROWS[0]], TOLD, "two rows"),
        (BELT, WIRE, ROWS, [TOLD[0], _told(ROWS[1], verdict="PASS")], "otherwise than its row"),
        (BELT, WIRE, ROWS, TOLD[:1], "never heard"),
        (BELT, WIRE, ROWS, [*TOLD, {**TOLD[1], "id": TOLD[0]["id"]}], "two verdicts"),
    ],
)
def test_each_disagreement_is_named(belt, wire, rows, told, complaint):
    """Whichever of the four accounts is falsified."""
    assert any(complaint in each for each in disagreements(belt, wire, rows, told))


def test_permissions_are_read_off_the_wire():
    """PASS frames only, whatever stands between them."""
    frames = [encode_frame(Ping(5), 1, 9), encode_frame(Pass(7, 3, 99), 2, 9), b"\1\2\0"]
    assert permissions(b"".join(frames)) == {(7, 3)}
