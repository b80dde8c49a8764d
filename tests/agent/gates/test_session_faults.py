"""The host's side when something is wrong: restarts, silence, clocks that jump, bad lines."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from moved_line import (
    BELT,
    CONFIG,
    EMPTY,
    MS,
    SECOND,
    TERMS,
    Deaf,
    assert_safe,
    notices,
    passed,
    run,
)

from agent.gates import messages
from agent.gates.codes import ConfigStatus, OutcomeKind
from agent.gates.partbook import PartBook
from agent.gates.session import Session, Stage
from agent.gates.terms import Terms
from agent.gates.wire import encode_frame
from agent.records import GateOutcome, OutcomeCode, PassOrder, Trigger
from agent.sim.belt import Belt
from agent.sim.line_faults import FaultRates
from agent.sim.virtual import VirtualLine


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
