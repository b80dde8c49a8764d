"""The recorder when the ledger, the gate lane or the clock is not as it should be."""

import pytest
from recorder_rig import Desk, judged, part

from agent.lanes.lane import LaneOverError
from agent.lanes.recorder import FAILED_WRITES
from agent.ledger.rows import SetOutcome
from agent.records import GateOutcome, OutcomeCode, VerdictKind


@pytest.fixture
def desk():
    """Return a recorder with default options."""
    return Desk()


def test_a_quiet_line_writes_nothing(desk):
    """No part, no transaction: a card lives longer."""
    desk.lane.STEP_S = 0
    desk.lane.step()
    assert (desk.ledger.batches, desk.words) == ([], [])


def test_an_outcome_goes_into_the_row_of_its_part(desk):
    """As the controller has told it."""
    outcome = GateOutcome(1, 1, OutcomeCode.PASSED, 5)
    desk.inbox.put(outcome)
    desk.lane.step()
    assert desk.ledger.batches == [[SetOutcome(outcome)]]


def test_without_room_for_pictures_none_is_kept():
    """A quota of 0 switches them off, rejects included."""
    desk = Desk(picture_quota_mb=0)
    desk.inbox.put(judged(VerdictKind.REJECT))
    desk.lane.step()
    assert desk.pictures.kept == []
    assert desk.ledger.batches[0][0].picture == ""


def test_the_word_is_given_until_the_gate_lane_takes_it(desk):
    """Its box may be full for a moment; a PASS that waits too long is refused by its cut-off."""
    desk.deaf = 3
    desk.inbox.put(part())
    desk.lane.step()
    assert len(desk.words) == 1
    assert desk.lane.clock.now_ns() == 30_000_000


def test_a_stop_does_not_wait_for_a_gate_lane_that_is_gone(desk):
    """The rows are durable; nobody is left to hear of it."""
    desk.deaf = 10**9
    desk.inbox.put(part())
    desk.lane.stop()
    desk.lane.step()
    assert len(desk.ledger.batches) == 1
    assert desk.words == []


def test_a_ledger_that_does_not_open_again_is_tried_again_and_loses_nothing(desk):
    """Rows wait as they are, whatever fails: writing, opening, and the end."""
    desk.inbox.put(part())
    desk.ledger.failures, desk.ledger.shut = 1, 2
    for _ in range(3):
        desk.lane.step()
    assert desk.lane.disk_fault == "cannot open the ledger"
    assert desk.words == []
    desk.lane.end()
    assert not desk.lane.disk_fault
    assert [item.seq for item in desk.words[0].parts] == [1]


def test_chores_that_fail_are_a_failing_disk(desk):
    """Nothing is written until the ledger was opened again, and no row is lost by it."""
    desk.ledger.chores_failures = 1
    desk.inbox.put(judged(VerdictKind.REJECT))
    desk.lane.step()
    assert desk.pictures.freed
    desk.lane.step()
    assert not desk.lane.disk_fault
    assert [v.kind for word in desk.words for v in word.verdicts] == [VerdictKind.REJECT]


def test_a_clock_that_was_set_is_an_event(desk):
    """It goes into the next commit, with both times."""
    desk.lane.STEP_S = 0
    desk.lane.step()
    desk.lane.clock.advance(2_000_000_000)
    desk.lane.clock.step_wall(-3_600_000_000_000)
    for _ in range(2):
        desk.lane.step()
    (event,) = (item.event for item in desk.ledger.batches[0])
    assert event.kind == "clock_step"
    assert "back by 3600.0 s" in event.text


def test_a_ledger_that_works_but_not_with_these_rows_ends_the_lane(desk):
    """After a minute of it the process starts anew, and rejects meanwhile; it never skips a row."""
    desk.inbox.put(part())
    desk.ledger.failures = 10**9
    desk.lane.step()
    for _ in range(FAILED_WRITES):
        desk.lane.step()
    with pytest.raises(LaneOverError, match="not with these rows: the disk is full"):
        desk.lane.step()
    assert desk.words == []


def test_a_fault_between_two_writes_keeps_nothing_back(desk):
    """There is no row in hand; the disk is not suspected."""
    desk.lane.on_fault()
    assert not desk.lane.disk_fault
