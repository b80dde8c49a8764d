"""What the controller is told of a line: times, or places on a belt that can be followed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.config.document import Timing
from agent.config.gate import ControllerGate
from agent.gates.codes import BeltMode
from agent.gates.config_messages import Belt, Config
from agent.gates.terms import Terms

TIMING = Timing(delay_ms=400.0, guard_ms=8.0, min_pitch_ms=40.0, max_in_flight=32)
TICKS = Belt(BeltMode.TICKS, 2_000, 40, 100, 7_000)
WATCHED = Belt(BeltMode.WATCHED, 2_000, 60, 100, 5_000, 10)


def terms(**options):
    """Return the terms of a line with these options of its gate."""
    return Terms.of(TIMING, ControllerGate(driver="controller", port="x", **options))


def test_whether_the_line_stops_its_belt_is_said_in_one_way_only():
    """Two ways to say no would be two configurations to read back and compare."""
    told = terms().config
    assert not told.stops
    assert Config.parse(told.payload()) == told
    with pytest.raises(ValueError, match="does not say so"):
        Config.parse(told.payload() + b"\0")


def test_without_an_encoder_the_controller_is_told_times():
    """Milliseconds of the configuration are microseconds on the line."""
    told = terms().config
    assert (told.delay_us, told.guard_us, told.min_pitch_us) == (400_000, 8_000, 40_000)
    assert told.belt is None


def test_in_ticks_the_times_are_those_of_the_fastest_belt():
    """No part is at the gate sooner; a slower belt only makes the windows wait."""
    told = terms(
        delay_ticks=2_000, guard_ticks=40, min_pitch_ticks=100, max_ticks_per_s=7_000
    ).config
    assert told.belt == TICKS
    assert (told.delay_us, told.guard_us, told.min_pitch_us) == (285_714, 5_714, 14_285)


def test_a_watched_belt_keeps_its_times_and_has_places_besides():
    """The encoder only says whether the times still mean the same places."""
    told = terms(ticks_per_s=5_000).config
    assert (told.delay_us, told.guard_us, told.min_pitch_us) == (400_000, 8_000, 40_000)
    assert told.belt == replace(WATCHED, min_pitch_ticks=200)


@pytest.mark.parametrize(
    ("belt", "change"),
    [
        (TICKS, {}),
        (WATCHED, {}),
        (TICKS, {"guard_ticks": 0}),
        (TICKS, {"guard_ticks": 2_000}),
        (TICKS, {"ticks_per_s": 0}),
        (TICKS, {"guard_ticks": 3}),
        (TICKS, {"min_pitch_ticks": 79}),
        (WATCHED, {"min_pitch_ticks": 60}),
        (WATCHED, {"tolerance_percent": 0}),
        (WATCHED, {"tolerance_percent": 100}),
        (WATCHED, {"ticks_per_s": 199}),
    ],
)
def test_places_that_two_parts_could_share_are_impossible(belt, change):
    """Nor may a speed be asked for that so few ticks cannot tell."""
    assert replace(belt, **change).possible is not bool(change)
