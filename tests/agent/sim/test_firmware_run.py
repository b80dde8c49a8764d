"""The controller's output for the belt: only an order powers it, and no accident does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from firmware_host import BOOT, CONFIG, MS, Host

from agent.gates import messages
from agent.gates.codes import BeltMode, ConfigStatus, OutcomeKind, RunPermit
from agent.sim.firmware import HEARTBEAT_US, Firmware

STOPS = replace(CONFIG, stops=True)
OFF, ON, WHILE_HEARD = RunPermit
BELT = messages.Belt(BeltMode.TICKS, 400, 8, 17, 2_000)


def running(permit=ON, config=STOPS):
    """Return a host whose belt runs."""
    host = Host().greet(config)
    host.say(messages.Run(1, permit))
    assert host.firmware.may_run
    return host


def test_the_belt_stands_until_a_host_says_that_it_may_run():
    """Power-up, HELLO, PING and CONFIG let nothing run."""
    host = Host()
    assert not host.firmware.may_run
    host.greet(STOPS)
    host.wait(300 * MS)
    assert not host.firmware.may_run
    host.say(messages.Run(1, ON))
    assert host.firmware.may_run
    assert host.all(messages.Run) == [messages.Run(1, ON)]


def test_an_order_to_stop_is_obeyed_at_once_and_confirmed():
    """In the same moment in which it comes."""
    host = running()
    host.say(messages.Run(2, OFF))
    assert not host.firmware.may_run
    assert host.all(messages.Run)[-1] == messages.Run(2, OFF)


def test_an_older_order_that_comes_late_undoes_no_newer_one():
    """The repeat of a lost ON behind an OFF: the belt stands, and that is what is answered."""
    host = Host().greet(STOPS)
    host.say(messages.Run(2, OFF))
    host.say(messages.Run(1, ON))
    assert not host.firmware.may_run
    host.say(messages.Run(2, ON))  # the same number again means what it meant
    assert not host.firmware.may_run
    assert set(host.all(messages.Run)) == {messages.Run(2, OFF)}


def test_a_host_that_dies_leaves_the_belt_as_it_was():
    """Everything is diverted then; whoever wants it to stand as well says so."""
    host = running()
    host.wait(host.now_us + 2 * HEARTBEAT_US, ping=False)
    assert host.firmware.may_run
    host.say(messages.Bye())
    assert host.firmware.may_run
    Host(boot=77, firmware=host.firmware).greet(STOPS)
    assert host.firmware.may_run


def test_a_belt_that_was_stopped_stays_so_whatever_becomes_of_the_host():
    """No new host lets it run by its mere coming."""
    host = running()
    host.say(messages.Run(2, OFF))
    host.wait(host.now_us + 2 * HEARTBEAT_US, ping=False)
    other = Host(boot=77, firmware=host.firmware)
    other.now_us = host.now_us
    other.greet(STOPS)
    other.wait(other.now_us + 300 * MS)
    assert not host.firmware.may_run


def test_a_new_host_counts_its_orders_from_anew():
    """Its first order counts, however many the one before it gave."""
    host = running()
    host.say(messages.Run(900, ON))
    other = Host(boot=77, firmware=host.firmware).greet(STOPS)
    other.say(messages.Run(1, OFF))
    assert not host.firmware.may_run


def test_a_belt_that_runs_while_heard_stands_half_a_second_after_the_last_ping():
    """To the microsecond, and runs on when the same host is heard again."""
    host = running(WHILE_HEARD)
    host.firmware.advance(host.now_us + HEARTBEAT_US - 1)
    assert host.firmware.may_run
    host.now_us += HEARTBEAT_US
    host.firmware.advance(host.now_us)
    assert not host.firmware.may_run
    host.say(messages.Ping(host.now_us))
    assert host.firmware.may_run


@pytest.mark.parametrize("leaves", [True, False])
def test_a_belt_that_runs_while_heard_waits_for_the_next_hosts_order(leaves):
    """Good-bye stops it, and so does another host until it says otherwise."""
    host = running(WHILE_HEARD)
    if leaves:
        host.say(messages.Bye())
        assert not host.firmware.may_run
    other = Host(boot=77, firmware=host.firmware).greet(STOPS)
    assert not host.firmware.may_run
    other.say(messages.Run(1, WHILE_HEARD))
    assert host.firmware.may_run


def test_a_line_that_does_not_stop_the_belt_orders_nothing():
    """A configuration without it takes the power away at once, and no order brings it back."""
    host = running()
    host.say(CONFIG)
    assert not host.firmware.may_run
    host.say(messages.Run(2, ON))
    assert not host.firmware.may_run


def test_an_order_before_the_configuration_counts_for_nothing():
    """Only a line that is known to stop its belt may let it run."""
    host = Host()
    host.say(messages.Hello(messages.VERSION, host.link.boot, 0))
    host.link.meet(host.firmware.boot)
    host.say(messages.Run(1, ON))
    assert not host.firmware.may_run
    host.say(STOPS)
    assert not host.firmware.may_run


def test_a_controller_without_that_output_refuses_to_be_one_that_stops():
    """CONFIGURED says what is missing; a line that asks for nothing of the kind is served."""
    host = Host(firmware=Firmware(BOOT, 0, can_stop=False)).greet(STOPS)
    assert [a.status for a in host.all(messages.Configured)] == [ConfigStatus.NO_RUN_OUTPUT]
    host.say(messages.Run(1, ON))
    assert not host.firmware.may_run
    host.say(CONFIG)
    assert host.all(messages.Configured)[-1].status is ConfigStatus.ACCEPTED


def test_a_belt_that_is_stopped_takes_the_permissions_of_what_is_on_it():
    """By its time a part would be at the gate, and by its place another one is."""
    host = running()
    first = host.part()
    host.allow(first)
    host.say(messages.Run(2, OFF))
    host.say(messages.Run(3, ON))  # a person resumes before the part's time has come
    host.wait(host.now_us + 50 * MS)
    second = host.part()
    host.allow(first)
    host.allow(second)
    host.wait(host.now_us + 800 * MS)
    assert host.outcomes() == {first: OutcomeKind.BELT_STOP, second: OutcomeKind.PASSED}


def test_what_comes_while_the_belt_may_not_run_passes_no_gate_later():
    """A belt that coasts brings parts whose time at the gate nobody knows."""
    host = running()
    host.say(messages.Run(2, OFF))
    part = host.part()
    host.say(messages.Run(3, ON))
    host.allow(part)
    host.wait(host.now_us + 800 * MS)
    assert host.all(messages.Trigger)[0].barred is OutcomeKind.BELT_STOP
    assert host.outcomes() == {part: OutcomeKind.BELT_STOP}


def test_a_belt_that_stood_unheard_gives_nothing_back_that_was_on_it():
    """The host is heard again before the part's time has come, and gives its permission again."""
    host = running(WHILE_HEARD, replace(STOPS, delay_us=2_000 * MS))
    before = host.part()
    host.wait(host.now_us + HEARTBEAT_US + MS, ping=False)
    during = host.part()
    host.say(messages.Ping(host.now_us))
    for part in (before, during):
        host.allow(part, expiry=2**40)
    host.wait(host.now_us + 2_500 * MS)
    stopped = OutcomeKind.BELT_STOP
    assert host.outcomes() == {before: stopped, during: stopped}


def test_a_controller_that_comes_back_lets_nothing_run():
    """It remembers nothing: who stopped the belt must say again that it may run."""
    running()
    again = Host(firmware=Firmware(BOOT + 1, 0))
    again.greet(STOPS)
    assert not again.firmware.may_run


def test_an_encoder_and_the_stop_go_together():
    """Both parts of CONFIG at once are read back."""
    both = replace(STOPS, belt=BELT)
    host = running(config=both)
    (answer,) = host.all(messages.Configured)
    assert (answer.status, answer.config) == (ConfigStatus.ACCEPTED, both)
