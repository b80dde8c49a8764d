"""The controller's program, message by message: it rejects unless told to pass, in time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from firmware_host import BOOT, CONFIG, MS, Host, said

from agent.gates import messages
from agent.gates.codes import ConfigStatus, OutcomeKind, Refusal, Wiring
from agent.sim.firmware import ANNOUNCE_US, Firmware


def test_it_announces_itself_until_a_host_greets():
    """Before any HELLO the controller says nothing but its own, four times a second."""
    firmware = Firmware(BOOT, 0)
    hello = messages.Hello(messages.VERSION, BOOT, 0, 4096)
    assert said(firmware.output(0)) == [hello]
    assert firmware.output(ANNOUNCE_US - 1) == b""
    assert said(firmware.output(ANNOUNCE_US)) == [hello]


def test_nothing_counts_before_hello():
    """A permission, a configuration or a ping of a host that has not greeted is not heard."""
    host = Host()
    host.link.meet(BOOT)
    part = host.part()
    for message in (CONFIG, messages.Ping(1), messages.Pass(BOOT, part, 2**60)):
        host.say(message)
    assert not host.all(messages.Pong)
    assert not host.all(messages.Configured)


def test_the_configuration_is_read_back():
    """CONFIG is answered with what is in force."""
    host = Host().greet()
    assert host.all(messages.Configured) == [messages.Configured(ConfigStatus.ACCEPTED, CONFIG)]


@pytest.mark.parametrize(
    "config",
    [
        messages.Config(400 * MS, 9 * MS, 17 * MS, 3 * MS, 64),
        messages.Config(8 * MS, 8 * MS, 17 * MS, 3 * MS, 64),
        messages.Config(400 * MS, 0, 17 * MS, 3 * MS, 64),
        messages.Config(400 * MS, 8 * MS, 17 * MS, 18 * MS, 64),
        messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 0),
        messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 4097),
    ],
)
def test_an_impossible_configuration_is_refused(config):
    """Windows that could overlap, no window, or too long a queue: not taken, nothing passes."""
    host = Host().greet(config)
    assert host.all(messages.Configured)[0].status is ConfigStatus.IMPOSSIBLE
    part = host.part()
    host.allow(part)
    assert host.all(messages.Refused) == [messages.Refused(part, Refusal.NOT_CONFIGURED)]


def test_another_configuration_is_refused_while_a_part_could_be_passed():
    """With a live part in flight CONFIG is BUSY; afterwards, or from a new host, it is taken."""
    host, other = Host().greet(), messages.Config(300 * MS, 8 * MS, 17 * MS, 3 * MS, 64)
    host.part()
    host.say(other)
    host.say(CONFIG)
    statuses = [answer.status for answer in host.all(messages.Configured)]
    assert statuses == [ConfigStatus.ACCEPTED, ConfigStatus.BUSY, ConfigStatus.ACCEPTED]
    host.wait(500 * MS)
    host.say(other)
    assert host.all(messages.Configured)[-1] == messages.Configured(ConfigStatus.ACCEPTED, other)
    host.part()
    heir = Host(0x0606_0001, host.firmware)
    heir.now_us = host.now_us
    heir.greet()
    assert heir.all(messages.Configured)[-1].status is ConfigStatus.ACCEPTED


def test_a_part_passes_exactly_in_its_window():
    """The gate opens at delay - guard, closes at delay + guard, and the outcome says passed."""
    host = Host().greet()
    host.wait(1000 * MS)
    part = host.part()
    assert part == 1
    host.allow(part)
    for at_ms, open_for in ((1391, None), (1392, 1), (1400, 1), (1407, 1), (1408, None)):
        host.wait(at_ms * MS)
        assert host.firmware.open_for == open_for
        assert host.firmware.energised == (open_for is not None)
    assert host.outcomes() == {1: OutcomeKind.PASSED}
    assert host.all(messages.Outcome)[0].tick == 1408 * MS


def test_without_permission_a_part_is_diverted():
    """Silence rejects."""
    host = Host().greet()
    host.part()
    host.wait(500 * MS)
    assert host.outcomes() == {1: OutcomeKind.REJECTED}


def test_energise_to_reject_powers_the_output_for_all_others():
    """The output's sense follows the wiring; which part passes does not."""
    inverted = replace(CONFIG, wiring=Wiring.ENERGISE_TO_REJECT)
    host = Host().greet(inverted)
    part = host.part()
    host.allow(part)
    assert host.firmware.energised
    host.wait(400 * MS)
    assert (host.firmware.open_for, host.firmware.energised) == (part, False)


def test_a_repeated_permission_fires_once():
    """The same PASS again, as the same frame and as a new one, opens the gate once."""
    host = Host().greet()
    part = host.part()
    for _ in range(5):
        host.allow(part, expiry=390 * MS)
    opened = []
    while host.now_us < 600 * MS:
        before = host.firmware.open_for
        host.wait(host.now_us + MS)
        if host.firmware.open_for != before:
            opened.append(host.firmware.open_for)
    assert opened == [part, None]


@pytest.mark.parametrize(
    ("wait_ms", "expiry_ms", "reason"),
    [
        (391, 1000, None),
        (392, 1000, Refusal.PAST_WINDOW),
        (405, 1000, Refusal.PAST_WINDOW),
        (300, 301, None),
        (300, 300, Refusal.EXPIRED),
        (300, 0, Refusal.EXPIRED),
        (409, 1000, Refusal.UNKNOWN_PART),
    ],
)
def test_a_late_permission_is_refused_with_its_reason(wait_ms, expiry_ms, reason):
    """Past the expiry or the window's start, both excluded, a PASS never counts."""
    host = Host().greet()
    part = host.part()
    host.wait(wait_ms * MS)
    host.allow(part, expiry=expiry_ms * MS)
    assert [r.reason for r in host.all(messages.Refused)] == ([reason] if reason else [])
    host.wait(600 * MS)
    late = wait_ms < 408
    expected = OutcomeKind.LATE_REFUSED if late else OutcomeKind.REJECTED
    assert host.outcomes() == {part: OutcomeKind.PASSED if reason is None else expected}


def test_a_permission_for_an_unknown_part_or_another_boot_is_refused():
    """A number that is not in flight, or of a controller before its restart, touches nothing."""
    host = Host().greet()
    part = host.part()
    host.allow(part + 1)
    host.allow(part, boot=BOOT + 0x1_0000)
    reasons = [refused.reason for refused in host.all(messages.Refused)]
    assert reasons == [Refusal.UNKNOWN_PART, Refusal.OTHER_BOOT]
    host.wait(600 * MS)
    assert host.outcomes() == {part: OutcomeKind.REJECTED}


def test_a_permission_for_a_part_that_has_gone_by_passes_no_other():
    """The next parts are in flight; an old number touches none of them."""
    host = Host().greet()
    first = host.part()
    host.wait(390 * MS)
    others = [host.part()]
    host.wait(409 * MS)
    others.append(host.part())
    host.allow(first)
    assert host.all(messages.Refused) == [messages.Refused(first, Refusal.UNKNOWN_PART)]
    host.wait(1_000 * MS)
    assert [host.outcomes()[part] for part in others] == [OutcomeKind.REJECTED] * 2
