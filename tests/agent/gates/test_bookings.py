"""Which part a pulse is for: on time, one part each, and nothing for what is late or too close."""

from __future__ import annotations

import pytest
from relay_rig import MS, RELAY_TIMING, section_for

from agent.config.gate import LcusGate
from agent.errors import ConfigError
from agent.gates.bookings import Bookings, Pace
from agent.records import OutcomeCode, PassOrder

BOOT = 7
PASSING = Pace.of(RELAY_TIMING, section_for("modbus", "x"))
DIVERTING = Pace.of(RELAY_TIMING, section_for("modbus", "x", wiring="energise_to_reject"))
FIRE = 360 * MS  # delay 400 less guard 20 less lead 20
LAST = 380 * MS
OVER = 420 * MS


def allow(bookings, part, now_ns=0, expiry_ns=FIRE):
    """Give the permission for a part."""
    return bookings.allow(PassOrder(BOOT, part, expiry_ns), now_ns)


def outcomes(bookings, now_ns):
    """Return the outcomes that are ready, by part."""
    return {outcome.part: outcome.code for outcome in bookings.finished(now_ns)}


@pytest.fixture
def passing():
    """Return bookings of a gate whose pulse passes."""
    return Bookings(PASSING, BOOT)


@pytest.fixture
def diverting():
    """Return bookings of a gate whose pulse diverts."""
    return Bookings(DIVERTING, BOOT)


@pytest.mark.parametrize(("now_ns", "fires"), [(FIRE - 1, 0), (FIRE, 1), (LAST, 1), (LAST + 1, 0)])
def test_a_pulse_begins_in_its_time_or_never(passing, now_ns, fires):
    """Both ends of the time, to the nanosecond."""
    passing.add(0)
    assert allow(passing, 1)
    stroke = passing.stroke(now_ns, able=True)
    assert (stroke is not None) is bool(fires)
    assert passing.stroke(now_ns, able=True) is None
    if now_ns > LAST:
        assert outcomes(passing, OVER) == {1: OutcomeCode.LATE_REFUSED}


@pytest.mark.parametrize(("now_ns", "taken"), [(FIRE - 1, True), (FIRE, False), (OVER, False)])
def test_an_order_is_taken_only_before_its_pulse_is_due(passing, now_ns, taken):
    """A permission that comes later is refused, and its part is diverted."""
    passing.add(0)
    assert allow(passing, 1, now_ns, expiry_ns=2**62) is taken
    if not taken:
        assert passing.stroke(FIRE, able=True) is None
        assert outcomes(passing, OVER) == {1: OutcomeCode.REJECTED}


def test_an_order_counts_for_its_own_part_and_boot_alone(passing):
    """Unknown parts, another life's parts and expired orders are refused."""
    passing.add(0)
    assert not allow(passing, 2)
    assert not passing.allow(PassOrder(BOOT + 1, 1, FIRE), 0)
    assert not allow(passing, 1, now_ns=5, expiry_ns=5)
    assert allow(passing, 1)
    assert allow(passing, 1), "a repeat is the same permission"
    assert passing.stroke(FIRE, able=True).parts == (1,)
    assert not allow(passing, 1, FIRE - 1), "its pulse is out"


def test_a_part_without_verdict_is_diverted(passing, diverting):
    """No pulse where a pulse passes, a pulse where a pulse diverts."""
    passing.add(0)
    diverting.add(0)
    assert passing.stroke(FIRE, able=True) is None
    stroke = diverting.stroke(FIRE, able=True)
    assert stroke.parts == (1,)
    diverting.settle(stroke.parts, done=True)
    for bookings in (passing, diverting):
        assert outcomes(bookings, OVER - 1) == {}
        assert outcomes(bookings, OVER) == {1: OutcomeCode.REJECTED}
        assert len(bookings) == 0


@pytest.mark.parametrize(
    ("done", "code"),
    [(True, OutcomeCode.PASSED), (None, OutcomeCode.UNKNOWN), (False, OutcomeCode.FAULT)],
)
def test_the_outcome_is_what_became_of_the_pulse(passing, done, code):
    """Given, not known, not given."""
    passing.add(0)
    allow(passing, 1)
    passing.settle(passing.stroke(FIRE, able=True).parts, done=done)
    assert outcomes(passing, OVER) == {1: code}


def test_without_a_relay_nothing_passes_and_what_was_not_diverted_is_counted(passing, diverting):
    """A lost relay is a fault where a pulse was needed, and only there."""
    for bookings in (passing, diverting):
        bookings.add(0)
        bookings.add(200 * MS)
        allow(bookings, 1)
        for now_ns in (FIRE, FIRE + 200 * MS):
            assert bookings.stroke(now_ns, able=False) is None
    later_ns = OVER + 200 * MS
    assert outcomes(passing, later_ns) == {1: OutcomeCode.FAULT, 2: OutcomeCode.REJECTED}
    assert outcomes(diverting, later_ns) == {1: OutcomeCode.PASSED, 2: OutcomeCode.FAULT}
    assert (passing.missed, diverting.missed) == (0, 1)


@pytest.mark.parametrize("pitch_ms", [0, 1, 199])
def test_parts_too_close_for_a_pulse_each_are_both_diverted(passing, diverting, pitch_ms):
    """Their permissions are void; a diverting pulse is made long enough for both."""
    for bookings in (passing, diverting):
        bookings.add(0)
        assert allow(bookings, 1)
        bookings.add(pitch_ms * MS)
        assert not allow(bookings, 2)
    assert passing.stroke(FIRE, able=True) is None
    last_ns = 2**40
    covered_ns = 0
    for now_ns in (FIRE, FIRE + pitch_ms * MS):
        while (stroke := diverting.stroke(now_ns, able=True)) is not None:
            covered_ns = now_ns + stroke.length_ms * MS
            diverting.settle(stroke.parts, done=True)
    assert covered_ns >= OVER + pitch_ms * MS
    passing.stroke(FIRE + pitch_ms * MS, able=True)
    for bookings in (passing, diverting):
        assert set(outcomes(bookings, last_ns).values()) == {OutcomeCode.TOO_CLOSE}


def test_a_part_that_is_told_while_a_pulse_is_on_cuts_it(passing):
    """A source that speaks late must not let its part slip through with the one before."""
    passing.add(0)
    allow(passing, 1)
    passing.stroke(FIRE, able=True)
    _trigger, cut = passing.add(50 * MS)
    assert cut
    passing.settle((1,), done=True)
    assert passing.stroke(FIRE + 50 * MS, able=True) is None
    assert set(outcomes(passing, 2**40).values()) == {OutcomeCode.TOO_CLOSE}
    assert not passing.add(300 * MS)[1]


def test_too_many_parts_reject_everything_until_there_are_fewer(passing):
    """`max_in_flight` parts are taken; one more bars all that have no pulse yet."""
    for number in range(8):
        passing.add(number * 200 * MS)
    assert allow(passing, 1)
    assert not passing.overfull
    passing.add(1600 * MS)
    assert passing.overfull
    assert passing.stroke(FIRE, able=True) is None
    assert not allow(passing, 9)
    assert len([passing.add(2000 * MS + n) for n in range(20)]) == 20
    assert len(passing) == 16, "memory is bounded"
    assert len(outcomes(passing, 0)) == 13, "what finds no place has its outcome at once"
    passing.stroke(2**40, able=True)
    assert set(outcomes(passing, 2**40).values()) <= {OutcomeCode.REJECTED, OutcomeCode.TOO_CLOSE}
    assert not passing.overfull
    assert len(passing) == 0


def test_a_late_diverting_pulse_takes_the_next_part_along():
    """It is given while its part may still be there; a good part that it meets is not passed."""
    slow = section_for("modbus", "x", wiring="energise_to_reject", release_ms=50.0)
    diverting = Bookings(Pace.of(RELAY_TIMING, slow), BOOT)
    diverting.add(0)
    diverting.add(200 * MS)
    assert allow(diverting, 2)
    stroke = diverting.stroke(OVER, able=True)
    assert stroke.parts == (1, 2)
    diverting.settle(stroke.parts, done=True)
    assert outcomes(diverting, 2**40) == {1: OutcomeCode.FAULT, 2: OutcomeCode.TOO_CLOSE}
    assert diverting.missed == 1, "the first may have been through before it"


def test_a_diverting_pulse_that_would_be_too_late_is_a_fault_and_counted(diverting):
    """After its window it could only hit another part."""
    diverting.add(0)
    assert diverting.stroke(OVER + 1, able=True) is None
    assert outcomes(diverting, OVER + 1) == {1: OutcomeCode.FAULT}
    assert diverting.missed == 1


def test_the_next_moment_is_known(passing):
    """The gate sleeps until a pulse is due, then until its window is over."""
    assert passing.next_ns is None
    assert passing.next_fire_ns is None
    passing.add(0)
    assert passing.next_ns == passing.next_fire_ns == FIRE
    allow(passing, 1)
    passing.stroke(FIRE, able=True)
    assert passing.next_ns is None, "it waits for the relay's answer"
    passing.settle((1,), done=True)
    assert passing.next_ns == OVER


@pytest.mark.parametrize(
    ("driver", "options", "timing", "words"),
    [
        ("modbus", {"release_ms": 60.0}, {}, "would share a pulse"),
        ("modbus", {"lead_ms": 61.0}, {"command_ms": 61.0}, "pulse_ms 100 is shorter"),
        ("modbus", {"lead_ms": 21.0}, {}, "command_ms 20 is shorter than gate.lead_ms"),
        ("modbus", {}, {"delay_ms": 239.0}, "before the next part can be seen"),
        ("modbus", {"reply_ms": 200.0}, {}, "could belong to the part before"),
        ("modbus", {"baud": 1200}, {}, "takes 73.3 ms at gate.baud 1200"),
        ("lcus", {"pulse_ms": 59}, {}, "pulse_ms 59 is shorter"),
        ("line", {"pulse_ms": 140}, {}, "would share a pulse"),
    ],
)
def test_times_that_contradict_are_refused(driver, options, timing, words):
    """Before the line starts, in a sentence with key, value and bound."""
    with pytest.raises(ConfigError, match=words):
        Pace.of(RELAY_TIMING.model_copy(update=timing), section_for(driver, "x", **options))


def test_only_a_held_usb_relay_passes_by_a_pulse():
    """`held` turns the sense of the pulse round."""
    assert not LcusGate(driver="lcus", port="x").pulse_passes
    assert LcusGate(driver="lcus", port="x", held=True).pulse_passes


def test_a_part_whose_diverting_pulse_is_out_gets_no_second_one(diverting):
    """Its own pulse is long over the part; the next one is for the next part alone."""
    diverting.add(0)
    diverting.add(100 * MS)
    first = diverting.stroke(FIRE, able=True)
    assert first.parts == (1, 2)
    diverting.add(150 * MS)  # told late, by a slow source
    second = diverting.stroke(FIRE + 150 * MS, able=True)
    assert second.parts == (3,)


def test_too_many_parts_leave_a_pulse_that_is_out_alone(passing):
    """It was given by right, and its part passes."""
    passing.add(0)
    assert allow(passing, 1)
    assert passing.stroke(FIRE, able=True).parts == (1,)
    for number in range(1, 10):
        passing.add(number * 200 * MS)
    assert passing.overfull
    passing.settle((1,), done=True)
    assert outcomes(passing, OVER) == {1: OutcomeCode.PASSED}


def test_a_flood_beyond_all_places_is_said_not_to_be_diverted(diverting):
    """Parts that find no place cannot get a stroke: each is a fault, and counted."""
    for number in range(20):
        diverting.add(number * 200 * MS)
    assert outcomes(diverting, 0) == dict.fromkeys(range(17, 21), OutcomeCode.FAULT)
    assert diverting.missed == 4
