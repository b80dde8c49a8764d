"""The controller's program when something is wrong: it rejects, says so, and recovers."""

from __future__ import annotations

import pytest
from firmware_host import BOOT, MS, Host
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.gates import messages
from agent.gates.codes import Faults, OutcomeKind, Refusal
from agent.sim.eye import STUCK_US
from agent.sim.firmware import HEARTBEAT_US, Firmware


def test_two_parts_within_the_pitch_are_both_diverted_even_if_one_was_allowed():
    """The second edge takes back the first one's permission; a third part is free again."""
    host = Host().greet()
    first = host.part()
    host.allow(first)
    host.wait(16 * MS)
    second = host.part()
    host.allow(second)
    assert host.all(messages.Refused) == [messages.Refused(second, Refusal.BARRED)]
    host.wait(33 * MS)
    third = host.part()
    host.allow(third)
    host.wait(600 * MS)
    assert host.outcomes() == {
        first: OutcomeKind.TOO_CLOSE,
        second: OutcomeKind.TOO_CLOSE,
        third: OutcomeKind.PASSED,
    }
    told = [(trigger.part, trigger.barred) for trigger in host.all(messages.Trigger)]
    assert told[0] == (first, OutcomeKind.NONE)
    assert (second, OutcomeKind.TOO_CLOSE) in told
    assert (third, OutcomeKind.NONE) in told


@pytest.mark.parametrize(("apart_us", "close"), [(17 * MS - 1, True), (17 * MS, False)])
def test_the_smallest_pitch_itself_is_enough(apart_us, close):
    """A microsecond less is too close, the pitch itself is not."""
    host = Host().greet()
    host.part()
    host.wait(apart_us)
    second = host.part()
    host.allow(second)
    host.wait(600 * MS)
    assert host.outcomes()[second] is (OutcomeKind.TOO_CLOSE if close else OutcomeKind.PASSED)


def test_a_part_close_behind_an_open_gate_shuts_it():
    """Where the gate is nearer than the pitch, the second part closes it on the first."""
    host = Host().greet(messages.Config(20 * MS, 8 * MS, 40 * MS, 3 * MS, 64))
    host.wait(100 * MS)
    first = host.part()
    host.say(messages.Pass(BOOT, first, 2**60))
    host.wait(113 * MS)
    assert host.firmware.open_for == first
    second = host.part()
    assert host.firmware.open_for is None
    host.wait(300 * MS)
    assert host.outcomes() == {first: OutcomeKind.TOO_CLOSE, second: OutcomeKind.TOO_CLOSE}


def test_a_covered_eye_that_stays_covered_is_no_second_part():
    """Only the change from free to covered counts."""
    firmware = Firmware(BOOT, 0)
    assert firmware.eye(0, covered=True) == 1
    assert firmware.eye(50 * MS, covered=True) is None


def test_a_bouncing_eye_sees_one_part():
    """Five edges within three milliseconds are one part."""
    host = Host().greet()
    edges = []
    for step_us in (0, 700, 700, 700, 700):
        host.now_us += step_us
        edges.append(host.part())
    assert edges == [1, None, None, None, None]


def test_a_covered_eye_rejects_everything_until_it_is_free():
    """After five seconds of shade: FAULT, permissions void; free again, parts pass again."""
    host = Host().greet(messages.Config(6_000 * MS, 8 * MS, 17 * MS, 3 * MS, 64))
    first = host.firmware.eye(0, covered=True)
    host.say(messages.Pass(BOOT, first, 5_900 * MS))
    host.wait(STUCK_US)
    assert host.all(messages.Fault)[-1].faults == Faults.PHOTO_EYE
    host.allow(first)
    host.wait(6_100 * MS)
    assert host.outcomes() == {first: OutcomeKind.FAULT}
    host.firmware.eye(host.now_us, covered=False)
    host.wait(host.now_us + 10 * MS)
    assert host.all(messages.Fault)[-1].faults == Faults(0)
    second = host.part()
    host.say(messages.Pass(BOOT, second, 2**60))
    host.wait(13_000 * MS)
    assert host.outcomes()[second] is OutcomeKind.PASSED


def test_a_silent_host_loses_all_permissions_after_500_ms():
    """No PING: permissions are dropped, a FAULT is told, and a PASS is refused."""
    host = Host().greet(messages.Config(900 * MS, 8 * MS, 17 * MS, 3 * MS, 64))
    part = host.part()
    host.say(messages.Pass(BOOT, part, 2**60))
    host.wait(HEARTBEAT_US - 1, ping=False)
    assert not host.all(messages.Fault)
    host.wait(HEARTBEAT_US, ping=False)
    assert host.all(messages.Fault)[-1].faults == Faults.HEARTBEAT
    host.allow(part)
    assert host.all(messages.Refused)[-1].reason is Refusal.NO_HEARTBEAT
    host.wait(1_000 * MS, ping=False)
    host.say(messages.Ping(1))
    host.listen()
    assert host.outcomes() == {part: OutcomeKind.NO_HEARTBEAT}


def test_a_heartbeat_lost_while_the_gate_is_open_closes_it_at_once():
    """The outcome says whether the part was through by then."""
    for closes_at_ms, kind in (
        (399, OutcomeKind.NO_HEARTBEAT),
        (400, OutcomeKind.NO_HEARTBEAT),
        (401, OutcomeKind.PASSED),
    ):
        host = Host().greet(messages.Config(400 * MS, 30 * MS, 60 * MS, 3 * MS, 64))
        host.wait(200 * MS)
        part = host.part()
        host.say(messages.Pass(BOOT, part, 2**60))
        last_ping_us = (200 + closes_at_ms) * MS - HEARTBEAT_US
        host.firmware._pinged_us = last_ping_us
        host.wait((200 + closes_at_ms) * MS - 1, ping=False)
        assert host.firmware.open_for == part
        host.wait((200 + closes_at_ms) * MS, ping=False)
        assert host.firmware.open_for is None
        host.wait(700 * MS, ping=False)
        host.say(messages.Ping(1))
        host.listen()
        assert host.outcomes() == {part: kind}


@pytest.mark.parametrize("leave", ["hello", "bye"])
def test_nothing_is_carried_over_to_another_host(leave):
    """A new HELLO, or a good-bye, takes all permissions back; the reports are told again."""
    host = Host().greet()
    part = host.part()
    host.allow(part)
    if leave == "bye":
        host.say(messages.Bye())
    heir = Host(0x0606_0001, host.firmware)
    heir.greet()
    heir.say(messages.Pass(BOOT, part, 2**60))
    assert heir.all(messages.Refused) == [messages.Refused(part, Refusal.BARRED)]
    told = heir.all(messages.Trigger)
    assert [(trigger.part, trigger.barred) for trigger in told] == [(part, OutcomeKind.REJECTED)]
    heir.wait(600 * MS)
    assert heir.outcomes() == {part: OutcomeKind.REJECTED}


def test_a_full_queue_rejects_everything_and_recovers():
    """One part more than fits bars all in flight; half empty again, parts pass again."""
    config = messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 2)
    host = Host().greet(config)
    parts = []
    for _ in range(3):
        parts.append(host.part())
        host.allow(parts[-1])
        host.wait(host.now_us + 20 * MS)
    assert host.all(messages.Fault)[-1].faults == Faults.QUEUE
    host.wait(600 * MS)
    assert host.outcomes() == dict.fromkeys(parts, OutcomeKind.FAULT)
    assert host.all(messages.Fault)[-1].faults == Faults(0)
    part = host.part()
    host.allow(part)
    host.wait(1_200 * MS)
    assert host.outcomes()[part] is OutcomeKind.PASSED


def test_a_clock_that_goes_back_bars_all_parts_in_flight():
    """Windows that moved by themselves let nothing through."""
    host = Host().greet()
    host.wait(100 * MS)
    part = host.part()
    host.allow(part)
    host.firmware.advance(90 * MS)
    host.wait(700 * MS)
    assert host.outcomes() == {part: OutcomeKind.FAULT}


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 10**9))
def test_noise_opens_no_gate(noise, at_us):
    """Random bytes move nothing."""
    firmware = Firmware(BOOT, 0)
    firmware.receive(noise, at_us)
    firmware.output(at_us)
    firmware.advance(at_us + 10**9)
    assert firmware.open_for is None
