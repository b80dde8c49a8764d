"""The gate that this host times: held permissions, its own triggers, a relay lost and found."""

from __future__ import annotations

import pytest
from host_timed_rig import DIVERTING, Rig
from relay_rig import MS

from agent.errors import GateError
from agent.records import OutcomeCode, PassOrder


@pytest.fixture
def rig():
    """Return an open gate whose pulse passes."""
    rig = Rig()
    rig.gate.open()
    yield rig.run()
    rig.gate.close()


@pytest.fixture
def diverter():
    """Return an open gate whose pulse diverts."""
    rig = Rig(DIVERTING)
    rig.gate.open()
    yield rig.run()
    rig.gate.close()


def test_a_permission_is_held_until_its_part_is_at_the_gate(rig):
    """The pulse begins when the window does, less what line and relay take."""
    trigger = rig.part()
    rig.run(50)
    assert rig.allow(trigger)
    rig.run(309)
    assert rig.relay.pulses == []
    rig.run(1)
    assert [(begin, parts) for begin, _end, parts in rig.relay.pulses] == [
        (trigger.at_ns + 360 * MS, (1,))
    ]
    rig.run(60)
    assert rig.outcomes == {1: OutcomeCode.PASSED}


def test_a_permission_that_comes_too_late_never_fires(rig):
    """Not for its own part and not for the next."""
    trigger = rig.part()
    rig.run(360)
    assert not rig.allow(trigger)
    rig.part()
    rig.run(500)
    assert rig.relay.pulses == []
    assert set(rig.outcomes.values()) == {OutcomeCode.REJECTED}


def test_a_host_that_stood_still_fires_for_nobody(rig):
    """An order in hand is refused as late when the process wakes after the part's time."""
    trigger = rig.part()
    assert rig.allow(trigger)
    rig.run(2_000, step_ms=2_000)
    assert rig.relay.pulses == []
    assert rig.outcomes == {1: OutcomeCode.LATE_REFUSED}


def test_a_host_that_stands_still_while_it_sends_cuts_the_pulse(rig):
    """Nobody knows then which part the pulse met; the technician is told."""
    rig.relay.stall_ns = 21 * MS
    rig.allow(rig.part())
    rig.run(360)
    rig.relay.stall_ns = 0
    begin, end, _parts = rig.relay.pulses[0]
    assert end - begin == 21 * MS
    rig.run(100)
    assert rig.outcomes == {1: OutcomeCode.UNKNOWN}
    assert "gate_late" in rig.notices


def test_a_lost_relay_rejects_and_comes_back_by_itself(rig):
    """`gate_lost` once, `gate_back` when it is at rest again, and no pulse in between."""
    trigger = rig.part()
    rig.allow(trigger)
    rig.run(100)
    rig.relay.plugged = False
    rig.run(400)
    assert not rig.gate.allow(PassOrder(trigger.boot, 1, 2**62))
    assert rig.outcomes == {1: OutcomeCode.FAULT}
    rig.relay.plugged = True
    rig.run(1_000)
    assert rig.relay.pulses == []
    assert rig.notices == ["gate_back", "gate_lost", "gate_back"]
    rig.allow(rig.part())
    rig.run(500)
    assert rig.outcomes[2] is OutcomeCode.PASSED


def test_a_lost_relay_that_diverts_is_said_to_let_parts_through(diverter):
    """`energise_to_reject` fails open, and says how many parts went undiverted."""
    diverter.relay.plugged = False
    diverter.run(10)
    diverter.part()
    diverter.run(500)
    assert diverter.outcomes == {1: OutcomeCode.FAULT}
    assert "not_diverted" in diverter.notices


def test_a_relay_lost_with_its_answer_leaves_the_outcome_open(rig):
    """Whether the pulse was given is not known, and said so; it is not given again."""
    rig.allow(rig.part())
    rig.relay.serve = lambda *_: rig.relay._check() or []
    rig.run(361)
    rig.relay.plugged = False
    rig.run(100)
    assert len(rig.relay.pulses) == 1
    assert rig.outcomes == {1: OutcomeCode.UNKNOWN}


def test_an_answer_that_says_nothing_good_is_told(rig):
    """The part's outcome is unknown; the next good state is told too."""
    rig.relay.answer = None
    rig.allow(rig.part())
    rig.run(500)
    assert rig.outcomes == {1: OutcomeCode.UNKNOWN}
    assert rig.notices == ["gate_back", "gate_fault", "gate_back"]


def test_without_open_the_gate_comes_up_by_itself():
    """`poll` opens relay and trigger source."""
    rig = Rig().run()
    assert rig.notices == ["gate_back"]
    assert rig.source.is_open
    rig.gate.close()


def test_open_says_why_there_is_no_gate():
    """A port that cannot be opened is refused; after that `poll` goes on trying."""
    rig = Rig()
    rig.relay.plugged = False
    with pytest.raises(GateError, match="/dev/hand is gone"):
        rig.gate.open()
    rig.relay.plugged = True
    assert "gate_back" in rig.run(2_000).notices
    rig.gate.close()


def test_a_lost_trigger_source_is_told_once_and_opened_again(rig):
    """Without triggers there are no parts to pass; the gate stays at rest."""
    rig.source.fault = GateError("the pipe is gone")
    rig.run(3_000)
    assert rig.notices == ["gate_back", "trigger_lost"]
    rig.source.fault = None
    rig.run(1_100)
    assert rig.notices == ["gate_back", "trigger_lost", "gate_back"]
    assert rig.part().part == 1


def test_too_many_parts_are_said(rig):
    """`gate_queue` names the value to raise, and `gate_back` follows."""
    for _ in range(10):
        rig.part()
    rig.run(1_000)
    assert rig.notices == ["gate_back", "gate_queue", "gate_back"]
    assert len(rig.outcomes) == 10


def test_a_part_told_late_cuts_the_pulse_that_it_would_share(rig):
    """The relay is put to rest at once."""
    trigger = rig.part()
    rig.allow(trigger)
    rig.run(370)
    rig.source.moments.append(trigger.at_ns + 50 * MS)
    rig.run(200)
    begin, end, _parts = rig.relay.pulses[0]
    assert end - begin < 15 * MS
    assert set(rig.outcomes.values()) == {OutcomeCode.TOO_CLOSE}


def test_a_cable_pulled_when_a_pulse_must_be_cut_is_a_lost_gate(rig):
    """The pulse cannot be cut any more; both parts are diverted as far as anybody knows."""
    trigger = rig.part()
    rig.allow(trigger)
    rig.run(370)
    rig.relay.plugged = False
    rig.source.moments.append(trigger.at_ns + 50 * MS)
    rig.run(200)
    assert "gate_lost" in rig.notices
    assert OutcomeCode.PASSED not in rig.outcomes.values()


def test_close_leaves_the_relay_at_rest_and_forgets_the_parts(rig):
    """A pulse that is on ends; the next life has another boot number."""
    trigger = rig.part()
    rig.allow(trigger)
    rig.run(361)
    rig.gate.close()
    assert rig.relay.pulses[0][1] == rig.clock.now_ns()
    rig.gate.open()
    assert rig.part().boot != trigger.boot
    assert not rig.allow(trigger)
