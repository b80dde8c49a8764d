"""A line that stops its belt: the order arrives over any line, and no accident takes it back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from gate_process import CLOCK, GateProcess, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st
from moved_line import CONFIG, EMPTY, TERMS, Deaf, notices, run

from agent.config.document import Timing
from agent.config.gate import ControllerGate as Section
from agent.gates import messages
from agent.gates.belt_run import ORDER_EVERY_NS, BeltRun
from agent.gates.codes import RunPermit
from agent.gates.controller import ControllerGate
from agent.gates.terms import Terms
from agent.sim.firmware import Firmware
from agent.sim.line_faults import FaultRates
from agent.sim.virtual import VirtualLine

STOPS = Terms(replace(CONFIG, stops=True))
OFF, ON, WHILE_HEARD = RunPermit


class SecondVersion(Firmware):
    """A controller from before the belt's output: version 2 and no more."""

    def _greet(self, peer, version=messages.BELT_VERSION):
        super()._greet(peer, min(version, messages.BELT_VERSION))

    def _on_hello(self, hello, now_us):
        if hello.version <= messages.BELT_VERSION:
            super()._on_hello(hello, now_us)
        else:
            self._greet(hello.boot)


def line(**options):
    """Return a line that stops its belt, and lets it run, a second after its start."""
    one = VirtualLine(STOPS, EMPTY, **options)
    one.run.want(ON)
    run(one, 1)
    return one


def test_the_belt_runs_once_host_and_controller_agree_and_nothing_need_be_told():
    """The ordinary start of a line."""
    one = line()
    assert one.firmware.may_run
    assert notices(one) == []


def test_a_stop_and_a_resumption_are_each_told_once_when_they_are_confirmed():
    """The technician reads what the controller has done, not what it was told."""
    one = line()
    one.run.want(OFF)
    run(one, 1)
    assert not one.firmware.may_run
    assert notices(one) == ["belt_stopped"]
    one.run.want(ON)
    run(one, 1)
    assert one.firmware.may_run
    assert notices(one) == ["belt_stopped", "belt_released"]


def test_a_controller_that_comes_back_stays_stopped_while_the_line_is():
    """Its power went and came: the belt stands, before and after the host has found it again."""
    one = line()
    one.run.want(OFF)
    run(one, 1)
    one.restart_controller()
    ran = [one.firmware.may_run for _ in range(2_000) if one.step() is not None]
    assert not any(ran)
    assert one.session.up(one.clock.now_ns())
    assert notices(one).count("belt_stopped") == 1


def test_a_controller_that_comes_back_to_a_sound_line_is_let_run_again():
    """Without anybody's order for it; the belt's own start button is the plant's."""
    one = line()
    one.restart_controller()
    assert not one.firmware.may_run
    run(one, 1.5)
    assert one.firmware.may_run


def test_an_agent_that_restarts_leaves_a_running_belt_running():
    """From its death until it is back: a line that was not stopped need not stand for that."""
    one = line()
    one.restart_host()
    one.run.want(ON)
    assert all(one.firmware.may_run for _ in range(1_500) if one.step() is not None)


def test_an_agent_that_restarts_latched_says_so_before_anything_runs():
    """The controller kept the belt standing meanwhile, and is told again."""
    one = line()
    one.run.want(OFF)
    run(one, 1)
    one.restart_host()
    one.run.want(OFF)
    assert not any(one.firmware.may_run for _ in range(1_500) if one.step() is not None)
    assert notices(one).count("belt_stopped") == 2


def test_a_belt_that_runs_while_heard_stands_while_the_host_sleeps():
    """Half a second after the last word, and runs on with the next."""
    one = VirtualLine(replace(STOPS, running=WHILE_HEARD), EMPTY)
    one.run.want(WHILE_HEARD)
    run(one, 1)
    assert one.firmware.may_run
    one.host_asleep = True
    run(one, 1)
    assert not one.firmware.may_run
    one.host_asleep = False
    run(one, 1.5)
    assert one.firmware.may_run


@settings(max_examples=25, deadline=None)
@given(
    orders=st.lists(st.sampled_from([OFF, ON]), min_size=1, max_size=12),
    seed=st.integers(1, 10_000),
    bad=st.sampled_from([0.0, 0.1, 0.4]),
    gap_ms=st.integers(1, 150),
)
def test_the_last_order_holds_in_the_end_whatever_the_line_does(orders, seed, bad, gap_ms):
    """Frames lost, damaged, late, twice and out of turn: what was wanted last is in force."""
    rates = FaultRates(bad, bad / 4, bad, bad, 60_000_000)
    one = line(rates=rates, seed=seed)
    for order in orders:
        one.run.want(order)
        run(one, gap_ms / 1000)
    one.down, one.up = Deaf(), Deaf()
    run(one, 3)
    assert one.firmware.may_run is (orders[-1] is ON)
    assert one.run.due_ns is None


def test_an_order_is_repeated_until_the_controller_has_answered_it():
    """An ACK alone confirms nothing: the answer says what is in force."""
    one = line()
    one.up = Deaf(messages.Run)
    one.run.want(OFF)
    run(one, 1)
    assert not one.firmware.may_run
    assert notices(one) == []
    one.up = Deaf()
    run(one, 1)
    assert notices(one) == ["belt_stopped"]


def test_an_answer_to_an_older_order_confirms_nothing():
    """Nor does one to an order that was never given."""
    belt = BeltRun()
    assert belt.note(messages.Run(0, OFF)) == []
    assert belt.order(0) is None
    belt.want(ON)
    first = belt.order(0)
    assert belt.order(ORDER_EVERY_NS - 1) is None
    belt.want(OFF)
    assert belt.note(first) == []
    second = belt.order(1)
    assert (second.permit, second.number) == (OFF, first.number + 1)
    assert [notice.kind for notice in belt.note(second)] == ["belt_stopped"]
    assert belt.due_ns is None
    belt.want(OFF)
    assert belt.due_ns is None


def test_a_controller_without_that_output_is_refused_with_the_pin_to_name():
    """Nothing passes: a line that is to stop the belt and cannot is not half run."""
    one = VirtualLine(STOPS, EMPTY)
    one.firmware = Firmware(77, 0, can_stop=False)
    run(one, 1)
    assert notices(one) == ["gate_config"]
    assert "RUN_PIN" in one.events[0].text
    assert not one.session.up(one.clock.now_ns())


def test_an_older_controller_is_refused_in_a_sentence_where_the_belt_is_to_be_stopped():
    """And serves every other line as ever."""
    one = VirtualLine(STOPS, EMPTY)
    one.firmware = SecondVersion(77, 0)
    run(one, 4)
    (lost, *_rest) = [event.text for event in one.events if event.kind == "gate_lost"]
    assert "too old to stop the belt" in lost
    assert 'gate.on_disagreement to "latch"' in lost
    plain = VirtualLine(TERMS, EMPTY)
    plain.firmware = SecondVersion(77, 0)
    run(plain, 1)
    assert plain.session.up(plain.clock.now_ns())


def section(process, **more):
    """Return a controller's section that stops the belt."""
    stops = {"second_eye": "bin", "on_disagreement": "stop"} | more
    return Section(driver="controller", port=str(process.link), second_eye_guard_ms=8.0, **stops)


def test_the_driver_stops_and_frees_the_belt_of_a_real_controller_process(tmp_path):
    """Over a pty: the record of the belt says what its contactor was given, and when it was not."""
    with GateProcess(tmp_path, parts=0) as process:
        gate = ControllerGate(section(process), Timing(), CLOCK)
        gate.let_run(may_run=True)
        gate.open()
        for may_run in (True, False, True):
            gate.let_run(may_run=may_run)
            wait_for(lambda: gate.poll(0.02) is not None and not gate._run.due_ns)
        gate.close()
        wait_for(lambda: process.record.read_text().count("may_run") >= 3)
        told = [line for line in process.record.read_text().splitlines() if "may_run" in line]
    assert ["true" in line for line in told] == [True, False, True]


def test_a_driver_whose_line_does_not_stop_the_belt_gives_no_order(tmp_path):
    """`tell` and `latch` speak the version of before, and touch no contactor."""
    with GateProcess(tmp_path, parts=0) as process:
        gate = ControllerGate(section(process, on_disagreement="latch"), Timing(), CLOCK)
        gate.let_run(may_run=True)
        gate.open()
        gate.poll(0.3)
        gate.close()
        assert "may_run" not in process.record.read_text()


def test_an_unknown_permit_is_no_message():
    """A number without a meaning is refused with its frame."""
    with pytest.raises(ValueError, match="3"):
        messages.Run.parse(messages.Run(1, ON).payload()[:-1] + b"\3")
