"""The host's side of the protocol against the firmware, on a line in memory under a moved clock."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from agent.gates import messages
from agent.gates.codes import ConfigStatus, OutcomeKind, ReportKind
from agent.gates.partbook import MAX_PARTS, PartBook
from agent.gates.session import Session, Stage
from agent.gates.terms import Terms
from agent.gates.wire import DELIMITER, decode_frame, encode_frame
from agent.records import GateNotice, GateOutcome, OutcomeCode, PassOrder, Trigger
from agent.sim.belt import Belt
from agent.sim.line_faults import FaultRates, LineFaults
from agent.sim.oscillator import Oscillator
from agent.sim.virtual import VirtualLine

MS = 1_000_000
SECOND = 1_000_000_000
CONFIG = messages.Config(400_000, 8_000, 17_000, 3_000, 64)
TERMS = Terms(CONFIG)
BELT = Belt(20.0, jitter=0.2, seed=3, start_ns=3 * SECOND)
EMPTY = Belt(1.0, start_ns=2**62)


class Deaf(LineFaults):
    """A line that lets all messages through but those of one class."""

    def __init__(self, *deaf):
        super().__init__(FaultRates(), 1)
        self.deaf = deaf

    def put(self, data, now_ns):
        """Send on what is not of that class."""
        for piece in data.split(DELIMITER):
            if piece and not isinstance(decode_frame(piece).message, self.deaf):
                super().put(piece + DELIMITER, now_ns)


def expiry(trigger):
    """Return the start of a part's window."""
    return trigger.at_ns + (CONFIG.delay_us - CONFIG.guard_us) * 1000


def order(trigger):
    """Return the permission for a part."""
    return PassOrder(trigger.boot, trigger.part, expiry(trigger))


def run(line, seconds, *, allow=lambda _trigger: True, record=True):
    """Let a line run with a host that decides at once; returns which parts it allowed."""
    allowed = set()
    until_ns = line.clock.now_ns() + round(seconds * SECOND)
    while line.clock.now_ns() < until_ns:
        for event in line.step():
            if isinstance(event, GateNotice):
                continue
            if record:
                line.session.record(event)
            if (
                isinstance(event, Trigger)
                and allow(event)
                and line.session.allow(order(event), line.clock.now_ns())
            ):
                allowed.add((event.boot, event.part))
    return allowed


def passed(line):
    """Return (boot, part) of all parts that went through the gate."""
    return {(met.boot, met.part) for met in line.met if met.opened_for is not None}


def notices(line):
    """Return the kinds of notices so far."""
    return [event.kind for event in line.events if isinstance(event, GateNotice)]


def assert_safe(line, allowed):
    """No part went through but by its own permission."""
    for met in line.met:
        if met.opened_for is not None:
            assert met.opened_for == met.part
            assert (met.boot, met.part) in allowed


def test_exactly_the_allowed_parts_go_through():
    """Two of three parts are allowed: those pass, the third is diverted, and all is reported."""
    line = VirtualLine(TERMS, BELT)
    allowed = run(line, 12, allow=lambda trigger: trigger.part % 3)
    assert len(line.met) > 100
    assert (
        passed(line) == {(m.boot, m.part) for m in line.met if m.part % 3} == allowed & passed(line)
    )
    codes = {e.part: e.code for e in line.events if isinstance(e, GateOutcome)}
    for part, code in codes.items():
        assert code is (OutcomeCode.PASSED if part % 3 else OutcomeCode.REJECTED)
    assert notices(line) == []


def test_a_trigger_tells_the_moment_in_the_hosts_time():
    """The photo-eye's moment comes out within a millisecond, though the clocks differ."""
    oscillator = Oscillator(SECOND, offset_us=10**12, ppm=-150)
    line = VirtualLine(TERMS, BELT, oscillator=oscillator)
    run(line, 10)
    told = [e.at_ns for e in line.events if isinstance(e, Trigger)]
    assert len(told) > 100
    for belt_part, at_ns in enumerate(told):
        assert abs(at_ns - BELT.arrival_ns(belt_part)) < MS


def test_every_report_is_handed_up_once_in_a_run():
    """A host that records nothing hears each trigger and outcome once, however often repeated."""
    line = VirtualLine(TERMS, BELT)
    run(line, 10, record=False)
    keys = [(type(e), e.part) for e in line.events if not isinstance(e, GateNotice)]
    assert len(keys) == len(set(keys))
    assert len(keys) > 150


def test_what_is_recorded_is_repeated_no_more():
    """After RECORDED nothing stays in the controller's memory."""
    line = VirtualLine(TERMS, Belt(20.0, start_ns=3 * SECOND, parts=20))
    run(line, 6)
    assert len(line.firmware._reports) == 0


def test_a_lost_recorded_is_said_again():
    """While RECORDED is lost the controller repeats, and the host answers without handing up."""
    line = VirtualLine(TERMS, Belt(20.0, start_ns=3 * SECOND, parts=20))
    good, line.down = line.down, Deaf(messages.Recorded)
    run(line, 6)
    assert len(line.firmware._reports) == 40
    heard = len(line.events)
    line.down = good
    run(line, 2)
    assert len(line.firmware._reports) == 0
    assert len(line.events) == heard == 40


def test_lost_triggers_are_repeated_until_they_arrive():
    """Triggers that never came are told as soon as the line lets them through."""
    line = VirtualLine(TERMS, Belt(20.0, start_ns=3 * SECOND, parts=10))
    good, line.up = line.up, Deaf(messages.Trigger)
    run(line, 4)
    assert [e for e in line.events if isinstance(e, (Trigger, GateOutcome))] == []
    line.up = good
    run(line, 2)
    kinds = [type(e) for e in line.events if not isinstance(e, GateNotice)]
    assert kinds.count(Trigger) == kinds.count(GateOutcome) == 10
    assert passed(line) == set()


def test_an_outcome_never_comes_before_its_trigger():
    """On a line that mixes everything up, a part's trigger is still told first."""
    line = VirtualLine(TERMS, BELT, rates=FaultRates(0.2, 0.05, 0.2, 0.5, 150 * MS))
    run(line, 12)
    seen = set()
    for event in line.events:
        if isinstance(event, Trigger):
            seen.add(event.part)
        elif isinstance(event, GateOutcome):
            assert event.part in seen


@pytest.mark.parametrize("early_ns", [1, 0, -1])
def test_the_cut_off_is_the_same_for_host_and_controller(early_ns):
    """Just before, at and after the expiry: passed and reported so, or neither."""
    line = VirtualLine(TERMS, Belt(2.0, start_ns=3 * SECOND, parts=1))
    while not line.events:
        line.step()
    trigger = line.events[0]
    line.run_until(expiry(trigger) - 2 * MS)
    line.clock.advance(expiry(trigger) - early_ns - line.clock.now_ns())
    sent = line.session.allow(order(trigger), line.clock.now_ns())
    assert sent == (early_ns > 0)
    line.run_until(trigger.at_ns + SECOND)
    outcome = next(e for e in line.events if isinstance(e, GateOutcome))
    # Sent so late it comes too late: both say so, and the part is diverted.
    assert outcome.code is (OutcomeCode.LATE_REFUSED if sent else OutcomeCode.REJECTED)
    assert passed(line) == set()


def test_an_order_that_cannot_count_is_not_sent():
    """Another boot, an unknown part, one that has met the gate: no byte leaves the host."""
    line = VirtualLine(TERMS, Belt(2.0, start_ns=3 * SECOND, parts=2))
    run(line, 2.3, allow=lambda trigger: False)
    first = line.events[0]
    later = line.clock.now_ns() + SECOND
    assert not line.session.allow(PassOrder(first.boot + 1, 1, later), line.clock.now_ns())
    run(line, 1.1, allow=lambda trigger: False)
    for boot, part in ((first.boot + 1, 2), (first.boot, 99), (first.boot, first.part)):
        assert not line.session.allow(PassOrder(boot, part, later), line.clock.now_ns())
    assert not any(
        isinstance(decode_frame(piece).message, messages.Pass)
        for piece in line.session.output(line.clock.now_ns()).split(DELIMITER)
        if piece
    )


def test_parts_that_are_too_close_are_both_diverted():
    """Two parts within the smallest pitch are barred, permission or not, and reported as such."""
    line = VirtualLine(TERMS, Belt(62.5, jitter=0.0, start_ns=3 * SECOND, parts=2))
    run(line, 4)
    assert [e.code for e in line.events if isinstance(e, GateOutcome)] == [
        OutcomeCode.TOO_CLOSE
    ] * 2
    assert passed(line) == set()


def test_a_new_host_is_told_of_what_nobody_recorded_and_can_pass_none_of_it():
    """After a restart of the host the unrecorded reports come again; parts in flight are barred."""
    line = VirtualLine(TERMS, BELT)
    before = run(line, 6, record=False)
    told = {e.part for e in line.events if isinstance(e, Trigger)}
    line.events.clear()
    restarted_ns = line.clock.now_ns()
    line.restart_host()
    after = run(line, 4)
    again = {e.part for e in line.events if isinstance(e, Trigger)}
    assert told <= again
    assert_safe(line, before | after)
    gap = [m for m in line.met if m.arrival_ns < restarted_ns <= m.at_gate_ns - 50 * MS]
    assert len(gap) >= 5
    assert all(met.opened_for is None for met in gap)
    assert any(m.opened_for is not None for m in line.met if m.arrival_ns > restarted_ns)


def test_a_restarted_controller_obeys_no_old_verdict():
    """Another boot is told, the parts in flight are diverted, and the line goes on."""
    line = VirtualLine(TERMS, BELT)
    before = run(line, 6)
    restarted_ns = line.clock.now_ns()
    old_boot = line.firmware.boot
    line.restart_controller()
    after = run(line, 4)
    assert notices(line) == ["gate_restart"]
    assert_safe(line, before | after)
    in_flight = [m for m in line.met if m.boot == old_boot and m.at_gate_ns > restarted_ns]
    assert len(in_flight) >= 5
    assert all(met.opened_for is None for met in in_flight)
    assert len([boot for boot, _part in passed(line) if boot == line.firmware.boot]) > 20


def test_without_ping_the_controller_rejects_and_says_heartbeat():
    """PING alone is lost: no part passes later than 500 ms after, and the host is told why."""
    line = VirtualLine(TERMS, BELT)
    allowed = run(line, 6)
    line.down = Deaf(messages.Ping)
    deaf_ns = line.clock.now_ns()
    allowed |= run(line, 1.2)
    assert "heartbeat" in notices(line)
    assert_safe(line, allowed)
    late = [m for m in line.met if m.at_gate_ns > deaf_ns + 501 * MS]
    assert len(late) > 5
    assert all(met.opened_for is None for met in late)


def test_a_host_that_slept_goes_on_with_the_same_conversation():
    """After two seconds asleep stale orders are refused and the next parts pass again."""
    line = VirtualLine(TERMS, BELT)
    allowed = run(line, 6)
    line.host_asleep = True
    slept_ns = line.clock.now_ns()
    line.run_until(slept_ns + 2 * SECOND)
    assert all(m.opened_for is None for m in line.met if m.at_gate_ns > slept_ns + 501 * MS)
    line.host_asleep = False
    stage = line.session
    allowed |= run(line, 3)
    assert line.session is stage
    assert notices(line) == ["heartbeat", "gate_back"]
    assert_safe(line, allowed)
    assert any(m.opened_for is not None for m in line.met if m.arrival_ns > slept_ns + 3 * SECOND)


def test_a_silent_controller_is_lost_after_half_a_second():
    """Without PONG the session ends, and says so."""
    line = VirtualLine(TERMS, BELT)
    run(line, 5)
    line.up = Deaf(messages.Message)
    at_ns = line.clock.now_ns()
    while not any(kind == "gate_lost" for kind in notices(line)):
        line.step()
    assert 400 * MS <= line.clock.now_ns() - at_ns <= 610 * MS


@pytest.mark.parametrize("step_us", [-30_000, 30_000, 10_000_000])
def test_a_clock_that_jumps_stops_all_passing_until_it_is_known_again(step_us):
    """A step of the controller's clock is told and takes all permissions back; then it heals.

    Windows that moved before the next PING cannot be helped: that is what its 100 ms bound.
    """
    line = VirtualLine(TERMS, BELT)
    run(line, 6)
    stepped_ns = line.clock.now_ns()
    line.oscillator.step(step_us)
    run(line, 0.6)
    assert {"gate_clock", "gate_lost"} <= set(notices(line))
    met = [m for m in line.met if stepped_ns + 110 * MS < m.at_gate_ns < stepped_ns + 600 * MS]
    assert len(met) > 5
    assert all(m.opened_for is None for m in met)
    healed_ns = line.clock.now_ns()
    allowed = run(line, 4)
    assert line.session.up(line.clock.now_ns())
    later = [m for m in line.met if m.arrival_ns > healed_ns + SECOND]
    assert {(m.boot, m.part) for m in later} <= allowed
    assert all(m.opened_for == m.part for m in later)


def test_a_configuration_that_cannot_work_is_told_and_nothing_passes():
    """The controller refuses overlapping windows by itself."""
    terms = Terms(messages.Config(400_000, 10_000, 17_000, 3_000, 64))
    line = VirtualLine(terms, BELT)
    run(line, 6)
    assert notices(line) == ["gate_config"]
    assert line.session.stage is Stage.CONFIGURING
    assert "configuration" in line.session.complaint()
    assert passed(line) == set()


def test_too_many_parts_in_flight_reject_everything_and_say_so():
    """A queue that is too short bars all parts and names the value to set."""
    terms = Terms(messages.Config(400_000, 8_000, 17_000, 3_000, 4))
    line = VirtualLine(terms, BELT)
    allowed = run(line, 6)
    assert "gate_queue" in notices(line)
    assert_safe(line, allowed)
    codes = {e.code for e in line.events if isinstance(e, GateOutcome)}
    assert OutcomeCode.FAULT in codes


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.integers(0, 2**32),
    st.floats(0, 0.4),
    st.floats(0, 0.3),
    st.floats(0, 0.5),
    st.floats(0, 0.6),
    st.integers(0, 400),
    st.lists(st.sampled_from(["host", "controller", "sleep"]), max_size=3),
)
def test_no_line_is_so_bad_that_a_wrong_part_passes(
    seed, drop, corrupt, repeat, delay, late_ms, mishaps
):
    """Whatever the line and the machines do, a part passes by its own permission only."""
    rates = FaultRates(drop, corrupt, repeat, delay, late_ms * MS)
    line = VirtualLine(TERMS, Belt(30.0, 0.4, seed, 2 * SECOND), rates=rates, seed=seed % 1000 + 1)
    allowed = run(line, 3, allow=lambda trigger: trigger.part % 3)
    for mishap in mishaps:
        if mishap == "host":
            line.restart_host()
        elif mishap == "controller":
            line.restart_controller()
        else:
            line.host_asleep = True
            line.run_until(line.clock.now_ns() + 700 * MS)
            line.host_asleep = False
        allowed |= run(line, 1, allow=lambda trigger: trigger.part % 3)
    assert_safe(line, allowed)
    triggers = [(e.boot, e.part) for e in line.events if isinstance(e, Trigger)]
    if "host" not in mishaps:
        assert len(triggers) == len(set(triggers))


@pytest.mark.parametrize(
    ("heard", "words"),
    [
        (b"", "nothing answers"),
        (b"$GPGGA,123519,4807.038,N,01131.000,E,1,08*47\r\n\0more\0", "no gate controller"),
        (encode_frame(messages.Hello(1, 77, 0), 1, 77), "straight back"),
        (encode_frame(messages.Hello(9, 5, 77), 1, 5), "version 9"),
    ],
)
def test_the_complaint_names_what_is_at_the_other_end(heard, words):
    """Silence, another device, an echo and another version are told apart."""
    session = Session(TERMS, 77, PartBook(), 0)
    session.receive(heard, 1)
    session.advance(2)
    assert not session.lost
    session.advance(3 * SECOND)
    assert words in session.lost


def test_the_part_book_is_bounded_and_begins_anew_with_each_boot():
    """Its memory does not grow with the shift, and another boot's parts are other parts."""
    book = PartBook()
    assert not book.begin(1)
    for part in range(3 * MAX_PARTS):
        assert book.hand(ReportKind.TRIGGER, part)
    assert len(book._marks) == MAX_PARTS
    assert not book.hand(ReportKind.TRIGGER, 3 * MAX_PARTS - 1)
    assert book.note(Trigger(2, 5, 0)) is None
    assert book.begin(2)
    assert not book.begin(2)
    assert book.hand(ReportKind.TRIGGER, 3 * MAX_PARTS - 1)


def test_reports_the_controller_had_to_forget_are_told():
    """When nobody records for too long, the gap is an event, not a silence."""
    line = VirtualLine(TERMS, EMPTY)
    run(line, 1)
    line.firmware._reports.lost = 7
    run(line, 0.5)
    assert notices(line) == ["gate_gap"]
    assert "7 reports" in line.events[0].text


def test_a_trigger_from_the_future_ends_the_conversation():
    """A tick that lies ahead means a clock that jumped: that part cannot be passed."""
    line = VirtualLine(TERMS, EMPTY)
    run(line, 1)
    now_ns = line.clock.now_ns()
    ahead = messages.Trigger(1, line.oscillator.tick(now_ns) + 50_000, OutcomeKind.NONE)
    line.session.receive(encode_frame(ahead, 9, line.firmware.boot), now_ns)
    assert "jumped" in line.session.lost
    far = PassOrder(line.firmware.boot, 1, now_ns + 10 * SECOND)
    assert not line.session.allow(far, now_ns)


def test_the_counts_tell_how_the_line_is():
    """Refused frames of both sides, repeats, refusals, round trip and clock error."""
    line = VirtualLine(TERMS, BELT, rates=FaultRates(0.1, 0.1))
    assert line.session.counts(line.clock.now_ns()).clock_error_ns is None
    run(line, 6)
    counts = line.session.counts(line.clock.now_ns())
    assert min(counts.refused_here, counts.refused_there, counts.repeats) > 0
    assert 0 < counts.clock_error_ns < 2 * MS
    twice = counts + counts
    assert twice.refused_here == 2 * counts.refused_here
    assert twice.refused_there == counts.refused_there
    assert twice.round_trip_ns == counts.round_trip_ns


def test_a_version_mismatch_at_the_other_end_changes_nothing():
    """A HELLO of another version in mid-run is not obeyed."""
    line = VirtualLine(TERMS, EMPTY)
    run(line, 1)
    stranger = messages.Hello(9, 1234, 0)
    line.session.receive(encode_frame(stranger, 9, 1234), line.clock.now_ns())
    assert line.session.up(line.clock.now_ns())


def test_an_answer_that_reads_back_something_else_is_not_taken():
    """Only the very configuration that was sent lets the session run."""
    line = VirtualLine(TERMS, EMPTY)
    good, line.up = line.up, Deaf(messages.Configured)
    run(line, 1)
    now_ns = line.clock.now_ns()
    other = messages.Configured(ConfigStatus.ACCEPTED, replace(CONFIG, delay_us=300_000))
    line.session.receive(encode_frame(other, 99, line.firmware.boot), now_ns)
    assert line.session.stage is Stage.CONFIGURING
    line.up = good
    run(line, 1)
    assert line.session.stage is Stage.RUNNING
