"""The board's time: a counter that wraps, drifts or goes back, a main loop that stands still."""

from __future__ import annotations

import pytest
from firmware_board import needs_micropython
from firmware_host import MS
from firmware_talk import board

from agent.gates import messages
from agent.gates.clocksync import ClockSync
from agent.gates.codes import Faults, OutcomeKind
from agent.sim.oscillator import Oscillator

pytestmark = [needs_micropython, pytest.mark.usefixtures("interpreter")]
WRAP = 2**30


@pytest.mark.parametrize("before_wrap_ms", [1_000, 401, 400, 395, 392, 200, 1])
def test_a_counter_that_wraps_moves_no_window(before_wrap_ms):
    """Trigger, window and wrap in every order: the part passes in its window, ticks go on."""
    host = board(WRAP - before_wrap_ms * MS)
    tick = host.now_us
    part = host.part()
    host.allow(part)
    for at_us, open_for in ((392 * MS - 1, None), (392 * MS, part), (408 * MS - 1, part)):
        host.wait(tick + at_us)
        assert host.firmware.open_for == open_for
    host.wait(tick + 600 * MS)
    assert host.firmware.open_for is None
    assert host.outcomes() == {part: OutcomeKind.PASSED}
    assert host.all(messages.Trigger)[0].tick == tick
    assert host.all(messages.Outcome)[0].tick == tick + 408 * MS


def test_a_board_that_runs_for_hours_tells_64_bit_ticks():
    """Over twenty wraps without a host the clock loses nothing, and parts pass again."""
    host = board()
    hours_us = 6 * 3600 * 1_000_000
    host.firmware.advance(hours_us)
    host.now_us = hours_us
    host.say(messages.Ping(1))
    assert host.all(messages.Pong)[-1].tick == hours_us
    part = host.part()
    host.allow(part)
    host.wait(hours_us + 500 * MS)
    assert host.outcomes() == {part: OutcomeKind.PASSED}


def test_the_hosts_clock_follows_a_board_that_is_100_ppm_fast_through_a_wrap():
    """Ten seconds of PINGs over a wrapping counter: the estimate stays within 0.5 ms."""
    oscillator = Oscillator(0, WRAP - 5_000_000, 100)
    host = board(oscillator.tick(0))
    sync = ClockSync(2_000_000)
    for step in range(1, 101):
        now_ns = step * 100_000_000
        host.now_us = oscillator.tick(now_ns + 300_000)
        host.say(messages.Ping(now_ns))
        sync.add(now_ns, now_ns + 600_000, host.all(messages.Pong)[-1].tick)
    assert sync.in_step(10_000_000_000)
    assert sync.steps == 0
    tick = oscillator.tick(10_000_000_000)
    assert tick > WRAP
    assert abs(sync.to_host_ns(tick) - 10_000_000_000) < 500_000


def test_a_stalled_loop_opens_no_gate():
    """The main loop stands still for 150 ms before the window: the timer leaves the gate shut."""
    for stall_ms, kind in ((50, OutcomeKind.PASSED), (150, OutcomeKind.REJECTED)):
        host = board()
        part = host.part()
        host.allow(part)
        host.wait((395 - stall_ms) * MS)
        host.firmware.stall(410 * MS)
        host.now_us = 410 * MS
        host.wait(500 * MS, ping=False)
        assert host.outcomes() == {part: kind}


def test_a_heartbeat_that_ends_while_the_loop_stalls_shuts_the_gate():
    """The timer knows when the permission's heartbeat ends, and shuts without the main loop."""
    host = board()
    part = host.part()
    host.allow(part)
    host.wait(390 * MS)
    host.say(messages.Ping(1))
    host.wait(490 * MS, ping=False)
    second = host.part()
    host.allow(second)
    host.wait(880 * MS, ping=False)
    host.firmware.stall(889 * MS + 500)
    assert host.firmware.open_for == second
    host.firmware.stall(890 * MS)
    assert host.firmware.open_for is None
    host.now_us = 890 * MS
    host.wait(1_000 * MS)
    assert host.outcomes()[second] is OutcomeKind.NO_HEARTBEAT


def test_an_edge_that_comes_while_the_loop_turns_is_no_step_back():
    """Stamped a little later than the loop's own time: a part like any other, and all go on."""
    host = board()
    first = host.part()
    host.allow(first)
    host.wait(100 * MS)
    host.firmware.interrupt(host.now_us + 3, covered=True)
    host.firmware.interrupt(host.now_us + 9, covered=False)
    host.say(messages.Ping(1))
    host.now_us += 10
    host.allow(first + 1)
    host.wait(700 * MS)
    assert host.outcomes() == dict.fromkeys([first, first + 1], OutcomeKind.PASSED)
    ticks = {trigger.part: trigger.tick for trigger in host.all(messages.Trigger)}
    assert ticks == {first: 0, first + 1: 100 * MS + 3}


def test_a_stall_while_the_gate_is_open_shuts_it():
    """The loop stops for good with an open gate: shut at the end of the window by the timer."""
    host = board()
    part = host.part()
    host.allow(part)
    host.wait(400 * MS)
    assert host.firmware.open_for == part
    host.firmware.stall(407 * MS)
    assert host.firmware.open_for == part
    host.firmware.stall(408 * MS)
    assert host.firmware.open_for is None


def test_a_clock_that_went_back_says_so_only_by_rejecting():
    """The counter jumps back with a permitted part in flight: it is barred, later ones pass."""
    host = board()
    host.wait(100 * MS)
    first = host.part()
    host.allow(first)
    host.firmware.advance(60 * MS)
    host.wait(700 * MS)
    second = host.part()
    host.allow(second)
    host.wait(1_300 * MS)
    assert host.outcomes() == {first: OutcomeKind.FAULT, second: OutcomeKind.PASSED}
    assert host.all(messages.Fault) == [] or host.all(messages.Fault)[-1].faults == Faults(0)
