"""The controller's second photo-eye, behind the gate: it tells what it saw, and decides nothing."""

from __future__ import annotations

from firmware_host import BOOT, CONFIG, MS, Host

from agent.gates import messages
from agent.gates.codes import OutcomeKind
from agent.sim.firmware import Firmware


def glimpse(host):
    """Let something pass the second photo-eye now."""
    host.firmware.second_eye(host.now_us, covered=True)
    host.firmware.second_eye(host.now_us, covered=False)


def test_an_edge_of_the_second_eye_is_told_with_its_number_and_moment():
    """Counted from 1 at power-up, in the controller's own ticks."""
    host = Host().greet()
    host.wait(50 * MS)
    glimpse(host)
    host.wait(90 * MS)
    glimpse(host)
    host.wait(200 * MS)
    assert host.all(messages.Seen) == [messages.Seen(1, 50 * MS), messages.Seen(2, 90 * MS)]


def test_a_bounce_of_the_second_eye_is_one_edge():
    """The same debounce as the first eye's."""
    host = Host().greet()
    host.wait(50 * MS)
    glimpse(host)
    host.wait(50 * MS + CONFIG.debounce_us - 1)
    glimpse(host)
    host.wait(200 * MS)
    assert [seen.count for seen in host.all(messages.Seen)] == [1]


def test_it_numbers_no_part_and_moves_no_gate():
    """What is seen behind the gate is no trigger."""
    host = Host().greet()
    part = host.part()
    host.allow(part)
    host.wait(300 * MS)
    glimpse(host)
    assert host.firmware.open_for is None
    host.wait(600 * MS)
    assert host.outcomes() == {part: OutcomeKind.PASSED}
    assert {trigger.part for trigger in host.all(messages.Trigger)} == {part}


def test_what_nobody_hears_is_counted_all_the_same():
    """The gap in the numbers tells the host that it has missed something."""
    host = Host(firmware=Firmware(BOOT, 0))
    glimpse(host)
    host.greet()
    host.wait(50 * MS)
    glimpse(host)
    host.wait(200 * MS)
    assert host.all(messages.Seen) == [messages.Seen(2, 50 * MS)]
