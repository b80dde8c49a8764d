"""Windows in time with the belt's speed watched: what is not where it should be is diverted."""

from __future__ import annotations

import pytest
from firmware_host import BOOT, MS, BeltHost

from agent.gates import messages
from agent.gates.codes import BeltMode, Faults, OutcomeKind, Refusal

# A tick is a millisecond at the belt's own speed.
WATCHED = messages.Belt(BeltMode.WATCHED, 400, 12, 17, 1_000, 10)
CONFIG = messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 64, belt=WATCHED)
FOREVER = 2**60


def line():
    """Return a host with a belt that runs at its own speed."""
    host = BeltHost().greet(CONFIG)
    host.wait(200 * MS)
    return host


def allowed(host):
    """Let a part come and give its permission."""
    part = host.part()
    host.say(messages.Pass(BOOT, part, FOREVER))
    return part


def test_a_belt_that_keeps_its_speed_changes_nothing():
    """Windows are those of a line without encoder; nothing is told."""
    host = line()
    part, start_us = allowed(host), host.now_us
    for at_ms, open_for in ((391, None), (392, part), (407, part), (408, None)):
        host.wait(start_us + at_ms * MS)
        assert host.firmware.open_for == open_for
    assert host.outcomes() == {part: OutcomeKind.PASSED}
    assert host.faults() == 0


def test_nothing_passes_before_the_speed_is_known():
    """A part that comes within the first tenth of a second is barred; the host hears no fault."""
    host = BeltHost().greet(CONFIG)
    host.wait(50 * MS)
    part = allowed(host)
    assert host.all(messages.Refused) == [messages.Refused(part, Refusal.BARRED)]
    host.wait(600 * MS)
    assert host.outcomes() == {part: OutcomeKind.BELT_STOP}
    assert host.faults() == 0


def test_a_belt_that_stops_diverts_what_is_in_flight_and_says_so():
    """`belt_stop` within a tenth of a second, and while it lasts; then parts pass again."""
    host = line()
    parts = [allowed(host)]
    host.wait(host.now_us + 100 * MS)
    parts.append(allowed(host))
    host.wait(host.now_us + 120 * MS, speed=0)
    assert host.faults() == Faults.BELT_STOP
    barred = allowed(host)
    host.wait(host.now_us + 2_000 * MS, speed=0)
    assert host.outcomes() == dict.fromkeys([*parts, barred], OutcomeKind.BELT_STOP)
    host.wait(host.now_us + 200 * MS)
    assert host.faults() == Faults(0)
    part = allowed(host)
    host.wait(host.now_us + 500 * MS)
    assert host.outcomes()[part] is OutcomeKind.PASSED


@pytest.mark.parametrize(("speed", "bad"), [(0.7, True), (0.95, False), (1.05, False), (1.3, True)])
def test_another_speed_rejects_while_it_lasts(speed, bad):
    """30 % are told and divert; 5 % are not told."""
    host = line()
    part = allowed(host)
    host.wait(host.now_us + 150 * MS, speed=speed)
    assert host.faults() == (Faults.BELT_SPEED if bad else 0)
    if bad:
        second = allowed(host)
        host.wait(host.now_us + 600 * MS, speed=speed)
        assert host.outcomes() == dict.fromkeys([part, second], OutcomeKind.BELT_SPEED)


@pytest.mark.parametrize("speed", [0.95, 0.97, 0.99, 1.01, 1.03, 1.05, 1.08])
def test_a_part_that_is_not_where_its_time_says_is_diverted_however_small_the_cause(speed):
    """5 % over the whole way are 20 ms: outside the window, though the speed is in its bounds."""
    host = line()
    part, start = allowed(host), host.ticks
    while int(host.ticks - start) < 400:
        host.wait(host.now_us + MS, speed=speed)
    at_gate = host.firmware.open_for
    while host.now_us < 900 * MS:
        host.wait(host.now_us + MS, speed=speed)
        # A part that has left before its time asks for nothing more of the belt.
        assert host.firmware.ticks_to_go is None or host.firmware.ticks_to_go > 0
    assert at_gate == (part if abs(speed - 1) < 0.02 else None)
    told = OutcomeKind.PASSED if at_gate else OutcomeKind.BELT_SPEED
    assert host.outcomes() == {part: told}
    assert host.faults() == 0


@pytest.mark.parametrize("speed", [-0.5, 3.0, 5.0])
def test_a_belt_that_jerks_shuts_an_open_gate(speed):
    """In the window and the belt leaves: shut as soon as another part could be there."""
    host = line()
    part = allowed(host)
    host.wait(host.now_us + 395 * MS)
    assert host.firmware.open_for == part
    start = host.ticks
    while host.now_us < 700 * MS:
        host.wait(host.now_us + MS, speed=speed)
        if not -3 <= host.ticks - start < 17:
            assert host.firmware.open_for is None


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [(0, OutcomeKind.BELT_BACK), (3, OutcomeKind.BELT_BACK), (4, OutcomeKind.PASSED)],
)
def test_what_went_back_through_the_open_gate_has_not_passed(ahead, kind):
    """The gate shuts 4 ticks back: a part that is before it again comes to a shut gate."""
    host = line()
    part = allowed(host)
    host.wait(host.now_us + (400 + ahead) * MS)
    for _ in range(4):
        assert host.firmware.open_for == part
        host.run(-1)
    assert host.firmware.open_for is None
    host.wait(host.now_us + 60 * MS)
    assert host.outcomes() == {part: kind}


def test_a_belt_that_runs_backwards_is_not_one_that_stands():
    """The direction is told by itself."""
    host = line()
    part = allowed(host)
    host.wait(host.now_us + 100 * MS, speed=-1)
    assert host.faults() == Faults.BELT_BACK
    host.wait(host.now_us + 500 * MS, speed=-1)
    assert host.outcomes() == {part: OutcomeKind.BELT_BACK}


def test_parts_too_close_on_a_slow_belt_are_found_by_their_way():
    """20 ms apart, but no 17 ticks: another part could be in the window."""
    host = line()
    first = allowed(host)
    host.wait(host.now_us + 20 * MS, speed=0.8)
    second = allowed(host)
    assert host.all(messages.Refused) == [messages.Refused(second, Refusal.BARRED)]
    host.wait(host.now_us + 500 * MS)
    assert host.outcomes() == {first: OutcomeKind.TOO_CLOSE, second: OutcomeKind.TOO_CLOSE}
