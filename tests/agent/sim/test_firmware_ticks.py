"""Windows in ticks: they wait while the belt stands, and no place is reached by going back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from firmware_host import BOOT, MS, BeltHost, Host

from agent.gates import messages
from agent.gates.codes import BeltMode, ConfigStatus, Faults, OutcomeKind, Refusal
from agent.sim.firmware import Firmware

# A tick is a millisecond at the belt's own speed, and 1.5 ticks a millisecond the fastest.
TICKS = messages.Belt(BeltMode.TICKS, 400, 8, 17, 1_500)
CONFIG = messages.Config(266 * MS, 5 * MS, 11 * MS, 3 * MS, 64, belt=TICKS)
FOREVER = 2**60


def line():
    """Return a host with a belt in ticks that runs."""
    host = BeltHost().greet(CONFIG)
    host.wait(200 * MS)
    return host


def allow(host, part):
    """Give a permission without an expiry."""
    host.say(messages.Pass(BOOT, part, FOREVER))


def test_the_belts_terms_are_read_back():
    """CONFIG with a belt is answered with all of it."""
    host = line()
    assert host.all(messages.Configured) == [messages.Configured(ConfigStatus.ACCEPTED, CONFIG)]


@pytest.mark.parametrize("speed", [0.5, 0.7, 1.0, 1.3])
def test_a_part_passes_exactly_at_its_place_whatever_the_speed(speed):
    """The gate opens delay - guard ticks behind the photo-eye and shuts at delay + guard."""
    host = line()
    part, start = host.part(), host.ticks
    allow(host, part)
    opened = []
    while host.ticks < start + 420:
        host.wait(host.now_us + MS, speed=speed)
        if host.firmware.open_for:
            opened.append(int(host.ticks) - int(start))
    assert host.outcomes() == {part: OutcomeKind.PASSED}
    assert 392 <= opened[0] < 394
    assert 405 < opened[-1] < 408


def test_windows_wait_while_the_belt_stands():
    """Two minutes of rest between photo-eye and gate: the permission still holds, for that part."""
    host = line()
    part = host.part()
    allow(host, part)
    host.wait(host.now_us + 300 * MS)
    host.wait(host.now_us + 120_000 * MS, speed=0)
    assert host.firmware.open_for is None
    assert host.outcomes() == {}
    host.wait(host.now_us + 95 * MS)
    assert host.firmware.open_for == part
    host.wait(host.now_us + 100 * MS)
    assert host.outcomes() == {part: OutcomeKind.PASSED}


def test_a_part_that_stands_under_the_eye_is_no_stuck_eye():
    """Covered for a minute while nothing moves; stuck after five seconds' way of the fastest."""
    host = line()
    first = host.firmware.eye(host.now_us, covered=True)
    allow(host, first)
    host.wait(host.now_us + 60_000 * MS, speed=0)
    assert host.faults() == 0
    host.wait(host.now_us + 450 * MS)
    assert host.outcomes() == {first: OutcomeKind.PASSED}
    host.wait(host.now_us + 7_100 * MS)
    assert host.faults() == Faults.PHOTO_EYE


@pytest.mark.parametrize(("back", "kind"), [(2, OutcomeKind.PASSED), (3, OutcomeKind.BELT_BACK)])
def test_a_belt_that_goes_back_by_more_than_a_jitter_bars_all_in_flight(back, kind):
    """A quarter of the guard is vibration; a tick more and no place is sure any more."""
    host = line()
    part = host.part()
    allow(host, part)
    host.wait(host.now_us + 200 * MS)
    host.run(-back)
    host.run(back)
    host.wait(host.now_us + 400 * MS)
    assert host.outcomes() == {part: kind}


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [(-1, OutcomeKind.BELT_BACK), (0, OutcomeKind.BELT_BACK), (2, OutcomeKind.BELT_BACK),
     (3, OutcomeKind.PASSED), (7, OutcomeKind.PASSED)],
)  # fmt: skip
def test_what_went_back_through_the_open_gate_has_not_passed(ahead, kind):
    """The gate shuts 3 ticks back: a part that is before it again comes to a shut gate."""
    host = line()
    part, start = host.part(), int(host.ticks)
    allow(host, part)
    host.wait(host.now_us + (400 + ahead) * MS)
    assert (int(host.ticks) - start, host.firmware.open_for) == (400 + ahead, part)
    for _ in range(3):
        assert host.firmware.open_for == part
        host.run(-1)
    for _ in range(60):
        assert host.firmware.open_for is None
        host.wait(host.now_us + MS)
    assert host.outcomes() == {part: kind}


def test_a_part_that_trembles_before_a_gate_which_shuts_has_not_passed():
    """Past the gate and a tick before it again, as an idle belt may tremble; then silence."""
    host = line()
    part = host.part()
    allow(host, part)
    host.wait(host.now_us + 401 * MS)
    host.run(-2)
    host.wait(host.now_us + 600 * MS, speed=0, ping=False)
    assert host.firmware.open_for is None
    host.say(messages.Ping(1))
    host.wait(host.now_us + 100 * MS)
    assert host.outcomes() == {part: OutcomeKind.NO_HEARTBEAT}


def test_no_gate_opens_for_a_place_that_is_reached_backwards():
    """Past the window, back through all of it and forwards again: it stays shut."""
    host = line()
    part = host.part()
    allow(host, part)
    host.wait(host.now_us + 390 * MS)
    second = host.part()
    allow(host, second)
    host.wait(host.now_us + 25 * MS)
    assert host.outcomes() == {part: OutcomeKind.PASSED}
    for speed in (-1, 1):
        for _ in range(40):
            host.wait(host.now_us + MS, speed=speed)
            assert host.firmware.open_for is None
    host.wait(host.now_us + 420 * MS)
    assert host.outcomes()[second] is OutcomeKind.BELT_BACK


def test_a_belt_that_ran_back_rejects_until_it_is_where_it_had_been():
    """Told at once, over with the last tick; a part that comes meanwhile is barred."""
    host = line()
    host.run(-50)
    host.wait(host.now_us + 5 * MS, speed=0)
    assert host.faults() == Faults.BELT_BACK
    host.wait(host.now_us + 49 * MS)
    barred = host.part()
    allow(host, barred)
    assert host.all(messages.Refused)[-1] == messages.Refused(barred, Refusal.BARRED)
    host.wait(host.now_us + 30 * MS)
    assert host.faults() == Faults(0)
    part = host.part()
    allow(host, part)
    host.wait(host.now_us + 500 * MS)
    assert host.outcomes() == {barred: OutcomeKind.BELT_BACK, part: OutcomeKind.PASSED}


@pytest.mark.parametrize(("apart", "close"), [(16, True), (17, False)])
def test_the_smallest_pitch_is_a_way(apart, close):
    """Parts are too close by the belt, however long it took them."""
    host = line()
    first = host.part()
    host.wait(host.now_us + 4 * apart * MS, speed=0.25)
    second = host.part()
    allow(host, second)
    host.wait(host.now_us + 600 * MS)
    kind = OutcomeKind.TOO_CLOSE if close else OutcomeKind.PASSED
    assert host.outcomes()[second] is kind
    assert host.outcomes()[first] is (OutcomeKind.TOO_CLOSE if close else OutcomeKind.REJECTED)


def test_parts_that_come_while_nothing_is_counted_bar_all_in_flight():
    """An encoder whose cable is out: the second part at one place gives it away."""
    host = line()
    first = host.part()
    allow(host, first)
    host.wait(host.now_us + 100 * MS)
    host.part()
    host.wait(host.now_us + 50 * MS, speed=0)
    host.part()
    host.wait(host.now_us + 10 * MS, speed=0)
    assert host.faults() == Faults.ENCODER
    host.wait(host.now_us + 500 * MS)
    assert host.outcomes()[first] is OutcomeKind.FAULT
    part = host.part()
    allow(host, part)
    host.wait(host.now_us + 500 * MS)
    assert host.faults() == Faults(0)
    assert host.outcomes()[part] is OutcomeKind.PASSED


def test_a_belt_that_is_too_fast_rejects_until_it_is_not():
    """Beyond the speed that the times were reckoned for: barred, told, and over again."""
    host = line()
    part = host.part()
    allow(host, part)
    host.wait(host.now_us + 150 * MS, speed=1.7)
    assert host.faults() == Faults.BELT_SPEED
    host.wait(host.now_us + 300 * MS)
    assert host.faults() == Faults(0)
    assert host.outcomes() == {part: OutcomeKind.BELT_SPEED}


def test_a_permission_is_late_by_the_place_and_by_its_expiry():
    """Where the window has begun it is refused, and on a slow belt by the time it names."""
    host = line()
    part = host.part()
    host.wait(host.now_us + 302 * MS, speed=1.3)
    host.say(messages.Pass(BOOT, part, FOREVER))
    assert host.all(messages.Refused)[-1].reason is Refusal.PAST_WINDOW
    slow = host.part()
    host.wait(host.now_us + 300 * MS, speed=0.1)
    host.say(messages.Pass(BOOT, slow, host.now_us))
    assert host.all(messages.Refused)[-1].reason is Refusal.EXPIRED


def test_a_silent_host_shuts_a_gate_that_the_belt_holds_open():
    """The belt stops in the window and the heartbeat ends: shut, though the place has not moved."""
    host = line()
    part = host.part()
    allow(host, part)
    host.wait(host.now_us + 395 * MS)
    host.wait(host.now_us + 1_000 * MS, speed=0)
    assert host.firmware.open_for == part
    host.wait(host.now_us + 600 * MS, speed=0, ping=False)
    assert host.firmware.open_for is None
    host.say(messages.Ping(1))
    host.wait(host.now_us + 100 * MS)
    assert host.outcomes() == {part: OutcomeKind.NO_HEARTBEAT}


@pytest.mark.parametrize(("channels", "mode"), [(0, 1), (0, 2), (1, 2)])
def test_a_board_that_cannot_follow_the_belt_refuses(channels, mode):
    """Without encoder, or with one channel where the direction matters: nothing half obeyed."""
    watched = messages.Belt(BeltMode.WATCHED, 400, 12, 17, 1_000, 10)
    config = replace(CONFIG, belt=TICKS if mode == BeltMode.TICKS else watched)
    host = Host(firmware=Firmware(BOOT, 0, channels)).greet(config)
    assert host.all(messages.Configured)[0].status is ConfigStatus.NO_ENCODER
    part = host.part()
    allow(host, part)
    assert host.all(messages.Refused)[-1].reason is Refusal.NOT_CONFIGURED


@pytest.mark.parametrize(
    "belt",
    [
        replace(TICKS, guard_ticks=400),
        replace(TICKS, guard_ticks=3),
        replace(TICKS, min_pitch_ticks=15),
        replace(TICKS, ticks_per_s=0),
        messages.Belt(BeltMode.WATCHED, 400, 17, 17, 1_000, 10),
        messages.Belt(BeltMode.WATCHED, 400, 12, 17, 1_000, 0),
        messages.Belt(BeltMode.WATCHED, 400, 12, 17, 1_000, 100),
        messages.Belt(BeltMode.WATCHED, 400, 12, 17, 199, 10),
    ],
)
def test_impossible_terms_are_refused(belt):
    """Windows that overlap, a jitter of nothing, a speed that cannot be told."""
    host = BeltHost().greet(replace(CONFIG, belt=belt))
    assert host.all(messages.Configured)[0].status is ConfigStatus.IMPOSSIBLE


def test_a_host_without_encoder_is_answered_in_its_own_version():
    """An older host finds the controller that it knows, and windows in time."""
    host = Host()
    host.say(messages.Hello(messages.PLAIN_VERSION, host.link.boot, 0))
    assert host.all(messages.Hello)[-1].version == messages.PLAIN_VERSION
    host.say(messages.Hello(messages.VERSION, host.link.boot, 0))
    assert host.all(messages.Hello)[-1].version == messages.VERSION
    host.say(messages.Hello(7, 0x0707_0001, 0))
    assert host.all(messages.Hello)[-1].version == messages.VERSION
