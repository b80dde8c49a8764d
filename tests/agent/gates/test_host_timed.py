"""The gate that this host times: held permissions, its own triggers, a relay lost and found."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relay_rig import MS, RELAY_TIMING, HandRelay, HandSource, section_for

from agent.clock import ManualClock
from agent.errors import GateError
from agent.gates.bookings import Pace
from agent.gates.host_timed import HostTimedGate
from agent.records import GateNotice, GateOutcome, OutcomeCode, PassOrder, Trigger

PASSING = Pace.of(RELAY_TIMING, section_for("modbus", "x"))
DIVERTING = Pace.of(RELAY_TIMING, section_for("modbus", "x", wiring="energise_to_reject"))
BEGIN = 1_000 * MS


class Rig:
    """A gate in virtual time, with what it has said so far."""

    def __init__(self, pace=PASSING):
        self.clock = ManualClock(BEGIN)
        self.relay = HandRelay(self.clock)
        self.source = HandSource()
        self.gate = HostTimedGate(self.relay, self.source, pace, self.clock)
        self.events = []

    def run(self, for_ms=0, step_ms=1):
        """Serve for so long."""
        for _ in range(for_ms // step_ms):
            self.clock.advance(step_ms * MS)
            self.events += self.gate.poll(0.0)
        self.events += self.gate.poll(0.0)
        return self

    def part(self):
        """Let a part come now; returns its trigger."""
        self.source.moments.append(self.clock.now_ns())
        self.run()
        return self.triggers[-1]

    def allow(self, trigger):
        """Give the permission for a part."""
        window_ns = trigger.at_ns + PASSING.delay_ns - PASSING.guard_ns
        return self.gate.allow(PassOrder(trigger.boot, trigger.part, window_ns))

    @property
    def triggers(self):
        """Return the triggers so far."""
        return [event for event in self.events if isinstance(event, Trigger)]

    @property
    def outcomes(self):
        """Return the outcomes so far, by part."""
        return {e.part: e.code for e in self.events if isinstance(e, GateOutcome)}

    @property
    def notices(self):
        """Return the kinds of the notices so far."""
        return [event.kind for event in self.events if isinstance(event, GateNotice)]


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


STEPS = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from(["part", "part", "", "stall", "plug", "deaf"])),
    min_size=1,
    max_size=60,
)


def drive(pace, steps, wanted):
    """Run a line with gaps, stalls, pulled cables and bad answers; returns it and who may pass."""
    rig = Rig(pace)
    allowed, number = set(), itertools.count()
    for for_ms, action in steps:
        if action == "part":
            trigger = rig.part()
            if wanted[next(number) % len(wanted)] and rig.allow(trigger):
                allowed.add(trigger.part)
        elif action == "plug":
            rig.relay.plugged = not rig.relay.plugged
        elif action == "deaf":
            rig.relay.answer = None if rig.relay.answer else True
        rig.run(7 * for_ms, step_ms=7 * for_ms if action == "stall" else 7)
    rig.relay.plugged = True
    rig.run(3_000, step_ms=5)
    rig.gate.close()
    return rig, allowed


def met(rig, pace, trigger):
    """Return the pulses that a part may have met, with all that line and relay may add."""
    due_ns = trigger.at_ns + pace.delay_ns
    extra_ns = pace.lead_ns + pace.release_ns
    return [
        pulse
        for pulse in rig.relay.pulses
        if pulse[0] < due_ns + pace.guard_ns and pulse[1] + extra_ns > due_ns - pace.guard_ns
    ]


def sure(rig, pace, trigger):
    """Whether a pulse was on for certain when the part was at the gate."""
    due_ns = trigger.at_ns + pace.delay_ns
    return any(begin + pace.lead_ns <= due_ns <= end for begin, end, _parts in rig.relay.pulses)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, wanted=st.lists(st.booleans(), min_size=1, max_size=8))
def test_no_part_meets_a_passing_pulse_without_its_own_permission(steps, wanted):
    """Judged by the relay's own record of times, not by what the gate says of itself."""
    rig, allowed = drive(PASSING, steps, wanted)
    shared = [pulse for trigger in rig.triggers for pulse in met(rig, PASSING, trigger)]
    assert len(shared) == len(set(shared)), "two parts met one pulse"
    for trigger in rig.triggers:
        if met(rig, PASSING, trigger):
            assert trigger.part in allowed
        else:
            assert rig.outcomes[trigger.part] is not OutcomeCode.PASSED
        if rig.outcomes[trigger.part] is OutcomeCode.PASSED:
            assert sure(rig, PASSING, trigger)
    assert sorted(rig.outcomes) == [trigger.part for trigger in rig.triggers]


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, wanted=st.lists(st.booleans(), min_size=1, max_size=8))
def test_a_diverting_gate_diverts_all_without_permission_or_says_that_it_could_not(steps, wanted):
    """Each part without permission meets a pulse, or its outcome is a fault or unknown."""
    rig, allowed = drive(DIVERTING, steps, wanted)
    owned = {OutcomeCode.FAULT, OutcomeCode.UNKNOWN}
    for trigger in rig.triggers:
        code = rig.outcomes[trigger.part]
        pulses = met(rig, DIVERTING, trigger)
        if code is OutcomeCode.PASSED:
            assert trigger.part in allowed
            assert not pulses
        elif code not in owned:
            assert sure(rig, DIVERTING, trigger)
    assert sorted(rig.outcomes) == [trigger.part for trigger in rig.triggers]
