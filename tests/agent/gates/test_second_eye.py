"""The watch over the gate: it accuses a gate that disagrees, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.config.document import Timing
from agent.config.gate import ControllerGate
from agent.gates.codes import OutcomeKind
from agent.gates.second_eye import GRACE_US, EyeTerms, SecondEye
from agent.gates.terms import Terms
from agent.records import DISAGREES, GateNotice, GateOutcome, PassOrder, Trigger
from agent.sim.belt import Belt
from agent.sim.line_faults import FaultRates
from agent.sim.virtual import VirtualLine
from agent.sim.witness import BehindGate

MS = 1_000
AFTER, GUARD = 600 * MS, 20 * MS
LATER = AFTER + GUARD + GRACE_US
TIMING = Timing(min_pitch_ms=100.0)
SECOND = 1_000_000_000


def watch(place):
    """Return a watch at this place."""
    return SecondEye(EyeTerms(place, AFTER, GUARD))


def told(eye, tick):
    """Return the kinds of what is said by then."""
    return [notice.kind for notice in eye.advance(tick)]


@pytest.mark.parametrize("place", ["bin", "passed"])
@pytest.mark.parametrize("kind", [OutcomeKind.PASSED, OutcomeKind.REJECTED])
@pytest.mark.parametrize("seen", [False, True])
def test_a_part_is_where_its_outcome_says_or_the_gate_is_accused(place, kind, seen):
    """Seen in the bin and passed, not seen there and diverted, and the same the other way."""
    eye = watch(place)
    eye.trigger(7, 1000)
    if seen:
        eye.seen(1, 1000 + AFTER)
    eye.outcome(7, kind)
    belongs = (kind is OutcomeKind.PASSED) is (place == "passed")
    assert told(eye, 1000 + LATER) == ([] if seen is belongs else [DISAGREES])
    assert told(eye, 2**40) == []


@pytest.mark.parametrize("kind", [OutcomeKind.TOO_CLOSE, OutcomeKind.NONE, None])
def test_what_became_of_a_part_must_be_sure_before_anybody_is_accused(kind):
    """Two parts in one window, or no report at all: nothing is said."""
    eye = watch("bin")
    eye.trigger(7, 1000)
    if kind is not None:
        eye.outcome(7, kind)
    assert told(eye, 1000 + LATER) == []


@pytest.mark.parametrize(
    ("off", "found"), [(-GUARD - 1, False), (-GUARD, True), (GUARD, True), (GUARD + 1, False)]
)
def test_a_sighting_counts_for_the_part_within_its_guard(off, found):
    """A microsecond outside it belongs to nobody, and that is said too."""
    eye = watch("bin")
    eye.trigger(7, 10**6)
    eye.outcome(7, OutcomeKind.REJECTED)
    eye.seen(1, 10**6 + AFTER + off)
    kinds = told(eye, 10**6 + LATER)
    assert (DISAGREES in kinds) is not found
    assert ("gate_stray" in kinds) is (not found and off > 0)


def test_a_lost_sighting_accuses_nobody():
    """Its number is missing: whoever was at the eye then is not said to have been away."""
    eye = watch("bin")
    for part, tick in ((1, 0), (2, 200 * MS), (3, 400 * MS)):
        eye.trigger(part, tick)
        eye.outcome(part, OutcomeKind.REJECTED)
    eye.seen(1, AFTER)
    eye.seen(3, 400 * MS + AFTER)
    assert told(eye, 2**40) == []
    eye.trigger(4, 2**40)
    eye.outcome(4, OutcomeKind.REJECTED)
    assert told(eye, 2**41) == [DISAGREES]


def test_a_sighting_that_comes_late_is_lost_no_more():
    """Overtaken on the line: once it is there, a part that was away then is accused again."""
    eye = watch("bin")
    for part, tick in ((1, 0), (2, 200 * MS), (3, 400 * MS)):
        eye.trigger(part, tick)
        eye.outcome(part, OutcomeKind.REJECTED)
    eye.seen(1, AFTER)
    eye.seen(3, 400 * MS + AFTER)
    eye.seen(2, AFTER + GUARD)  # of the first part too: it bounced
    assert told(eye, 2**40) == [DISAGREES]


def test_however_many_sightings_are_lost_the_watch_stays_small():
    """A gap of a million numbers is a gap; those after it count as before."""
    eye = watch("bin")
    eye.seen(1, 0)
    for gap in range(1, 4):
        eye.seen(gap * 10**6, gap)
    assert len(eye._missing) <= 64
    eye.trigger(7, 10**9)
    eye.outcome(7, OutcomeKind.REJECTED)
    eye.seen(3 * 10**6 + 1, 10**9 + AFTER)
    assert told(eye, 2**40) == []


def test_of_endless_parts_the_oldest_are_let_go_of():
    """A controller whose clock stands still makes the watch no larger; it accuses nobody."""
    eye = watch("bin")
    for part in range(10_000):
        eye.trigger(part, 0)
        eye.outcome(part, OutcomeKind.NO_HEARTBEAT)
    assert len(eye._parts) == 8192
    assert told(eye, 0) == []


def test_without_a_second_eye_nothing_is_ever_said():
    """The default: no terms."""
    eye = SecondEye(None)
    eye.trigger(1, 0)
    eye.outcome(1, OutcomeKind.REJECTED)
    eye.seen(1, 5)
    assert told(eye, 2**40) == []


def run(place, flap, rates, seed):
    """Let 60 parts go by, every second one allowed; returns the line."""
    section = ControllerGate(
        driver="controller", port="x", second_eye=place, second_eye_guard_ms=40.0
    )
    behind = BehindGate(place, 200_000_000, flap)
    belt = Belt(5.0, 0.2, seed, 4 * SECOND, 60)
    line = VirtualLine(Terms.of(TIMING, section), belt, rates=rates, seed=seed, behind=behind)
    while line.clock.now_ns() < 20 * SECOND:
        for event in line.step():
            if isinstance(event, (Trigger, GateOutcome)):
                line.session.record(event)
            if isinstance(event, Trigger) and event.part % 2:
                order = PassOrder(event.boot, event.part, event.at_ns + 392_000_000)
                line.session.allow(order, line.clock.now_ns())
    return line


def accusations(line):
    """Return how often the gate was said to disagree."""
    notices = [event for event in line.events if isinstance(event, GateNotice)]
    return sum(notice.kind == DISAGREES for notice in notices)


@settings(max_examples=12, deadline=None)
@given(
    place=st.sampled_from(["bin", "passed"]),
    seed=st.integers(1, 1000),
    bad=st.sampled_from([0.0, 0.05, 0.2]),
)
def test_a_sound_gate_is_never_accused_however_bad_the_line(place, seed, bad):
    """Frames lost, damaged, late and twice: what was not heard is not held against the gate."""
    line = run(place, "sound", FaultRates(bad, bad / 4, bad, bad, 30_000_000), seed)
    assert len(line.met) == 60
    assert accusations(line) == 0


@pytest.mark.parametrize("place", ["bin", "passed"])
@pytest.mark.parametrize("flap", ["stuck_open", "stuck_shut"])
def test_a_flap_that_does_not_obey_is_found_out(place, flap):
    """Every part that went the wrong way is told, whichever way the eye looks."""
    line = run(place, flap, None, 7)
    wrong = [met for met in line.met if met.passed is not (met.opened_for is not None)]
    assert len(wrong) >= 25
    assert accusations(line) == len(wrong)
