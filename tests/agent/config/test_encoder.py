"""The belt's encoder in the configuration: ticks or milliseconds, faults in a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.document import Config, parse_config
from agent.errors import ConfigError
from agent.gates.codes import BeltMode
from agent.gates.terms import Terms
from agent.schedule import Timing

HEAD = """
[camera]
driver = "sim"
[model]
bundle = "model.lwb"
[ledger]
folder = "state"
"""
GATE = '[gate]\ndriver = "controller"\nport = "/dev/ttyACM0"\n'
TICKS = {
    "delay_ticks": 2_000,
    "guard_ticks": 40,
    "min_pitch_ticks": 100,
    "max_ticks_per_s": 5_000,
}


def parsed(gate="", timing="", **ticks):
    """Return a configuration with these lines."""
    lines = "".join(f"{name} = {value}\n" for name, value in ticks.items())
    return parse_config(HEAD + GATE + lines + gate + "[timing]\n" + timing)


def test_ticks_are_told_to_the_controller_with_the_shortest_times():
    """The gate's windows are places; the host's times are those of the fastest belt."""
    config = parsed(**TICKS)
    told = Terms.of(config.timing, config.gate).config
    assert (told.belt.mode, told.belt.delay_ticks, told.belt.guard_ticks) == (
        BeltMode.TICKS, 2_000, 40,
    )  # fmt: skip
    assert (told.belt.min_pitch_ticks, told.belt.ticks_per_s) == (100, 5_000)
    assert (told.delay_us, told.guard_us, told.min_pitch_us) == (400_000, 8_000, 20_000)
    assert told.possible
    timing = Timing.from_config(config.timing, by_place=config.by_place)
    assert timing.by_place
    assert timing.cutoff_ns(0) == (400 - 16 - 20) * 1_000_000


def test_a_watched_speed_is_told_with_the_places_of_the_times():
    """Windows stay times; the part may be one and a half guards off, less than a pitch."""
    config = parsed(ticks_per_s=5_000, timing="min_pitch_ms = 20\n")
    told = Terms.of(config.timing, config.gate).config
    assert not config.by_place
    assert (told.delay_us, told.guard_us, told.min_pitch_us) == (400_000, 8_000, 20_000)
    belt = told.belt
    assert (belt.mode, belt.delay_ticks, belt.guard_ticks) == (BeltMode.WATCHED, 2_000, 60)
    assert (belt.min_pitch_ticks, belt.ticks_per_s, belt.tolerance_percent) == (100, 5_000, 10)
    assert told.possible


def test_without_an_encoder_nothing_new_is_told():
    """The default is windows in time, and a belt that nobody looks at."""
    config = parsed()
    assert Terms.of(config.timing, config.gate).config.belt is None
    assert not config.by_place


def test_what_was_read_can_be_read_again():
    """A configuration in ticks, written out with its shortest times, is the same."""
    config = parsed(**TICKS)
    assert Config.model_validate(config.model_dump()) == config


@pytest.mark.parametrize(
    ("changes", "timing", "says"),
    [
        ({"max_ticks_per_s": None}, "", "max_ticks_per_s is missing.*go together"),
        ({"delay_ticks": None}, "", "delay_ticks is missing.*go together"),
        ({"ticks_per_s": 4_000}, "", "up to max_ticks_per_s: give one of the two"),
        ({}, "delay_ms = 300\n", r"timing\.delay_ms and gate\.delay_ticks: give one of the two"),
        ({}, "guard_ms = 9\n", r"timing\.guard_ms and gate\.delay_ticks: give one of the two"),
        ({"min_pitch_ticks": 79}, "", "min_pitch_ticks 79 is shorter than twice guard_ticks 40"),
        ({"guard_ticks": 3}, "", r"gate\.guard_ticks.*greater than or equal to 4.*3"),
        ({"delay_ticks": 40}, "", "leaves -28 ms for frame and verdict"),
        ({"delay_ticks": 200}, "", r"gate\.delay_ticks are 40 ms at gate\.max_ticks_per_s 5000"),
        ({"max_ticks_per_s": 50_000}, "", "guard_ticks are 0.8 ms.*at least 1 ms"),
        ({}, "frame_within_ms = 30\n", "shorter than timing.frame_within_ms 30"),
        ({"delay_ticks": "'2000'"}, "", r"gate\.delay_ticks.*integer.*'2000'"),
        ({"delay_ticks": True}, "", r"gate\.delay_ticks.*"),
        ({"second_eye": "'bin'"}, "", "take one of the two out"),
        ({"delay_tick": 9}, "", r"unknown key gate\.delay_tick; did you mean gate\.delay_ticks"),
    ],
)
def test_ticks_that_cannot_work_are_refused_in_a_sentence(changes, timing, says):
    """Missing ones, both ways at once, too little time on the fastest belt, a guard too small."""
    ticks = {name: value for name, value in {**TICKS, **changes}.items() if value is not None}
    ticks = {name: str(value).lower() if value is True else value for name, value in ticks.items()}
    with pytest.raises(ConfigError, match=says) as caught:
        parsed(timing=timing, **ticks)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ("ticks_per_s = 150\n", "1.5 ticks in the 100 ms that the speed is measured over"),
        ("ticks_per_s = 400\nspeed_tolerance = 0.04\n", "a finer encoder or a greater tolerance"),
        ("ticks_per_s = 220\n", r"1.8 ticks in timing\.guard_ms 8"),
        ("speed_tolerance = 0.6\n", r"gate\.speed_tolerance.*0\.5"),
    ],
)
def test_an_encoder_that_is_too_coarse_to_watch_a_speed_is_refused(gate, says):
    """A tick more or less must not look like another speed, nor a guard like none."""
    with pytest.raises(ConfigError, match=says):
        parsed(gate=gate)


@pytest.mark.parametrize("key", ["delay_ticks = 2000", "ticks_per_s = 5000"])
@pytest.mark.parametrize("driver", ["sim", "modbus", "lcus", "line"])
def test_only_a_controller_has_an_encoder(driver, key):
    """Other drivers are told so by name."""
    gate = f'[gate]\ndriver = "{driver}"\n{key}\n'
    with pytest.raises(ConfigError, match=r"needs gate\.driver controller: no other has an enc"):
        parse_config(HEAD + gate)


@given(
    st.fixed_dictionaries(
        {name: st.one_of(st.integers(-5, 10**7), st.floats(), st.text(max_size=3))
         for name in TICKS}
    ),
    st.dictionaries(
        st.sampled_from(["delay_ms", "command_ms", "frame_within_ms"]),
        st.one_of(st.floats(), st.integers(-5, 500), st.text(max_size=3)),
    ),
)  # fmt: skip
def test_whatever_is_taken_is_possible_for_the_controller(ticks, timing):
    """Any numbers: refused with a ConfigError's cause, or terms that a controller takes."""
    data = {
        "camera": {"driver": "sim"},
        "model": {"bundle": "b"},
        "ledger": {"folder": "f"},
        "gate": {"driver": "controller", "port": "p", "debounce_ms": 0.0, **ticks},
        "timing": timing,
    }
    try:
        config = Config.model_validate(data)
    except ValueError:
        return
    assert Terms.of(config.timing, config.gate).config.possible
