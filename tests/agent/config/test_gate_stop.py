"""A line that stops its belt, in the configuration: what it needs is said in a sentence."""

from __future__ import annotations

import pytest

from agent.config.document import parse_config
from agent.errors import ConfigError
from agent.gates.codes import RunPermit
from agent.gates.terms import Terms
from agent.precheck.notes import find_notes

HEAD = """
[camera]
driver = "sim"
[model]
bundle = "model.lwb"
[ledger]
folder = "state"
[timing]
min_pitch_ms = 120.0
[gate]
"""
CONTROLLER = 'driver = "controller"\nport = "/dev/ttyACM0"\n'
STOPS = 'second_eye = "bin"\non_disagreement = "stop"\n'


def parsed(gate, folder=None):
    """Return a configuration with this gate."""
    return parse_config(HEAD + gate, **({"folder": folder} if folder else {}))


def test_a_line_that_stops_its_belt_latches_too_and_asks_its_controller_for_an_output():
    """A host that dies leaves the belt as it is, unless it is to be heard."""
    config = parsed(CONTROLLER + STOPS)
    assert (config.gate.latches, config.gate.stops) == (True, True)
    terms = Terms.of(config.timing, config.gate)
    assert (terms.config.stops, terms.running) == (True, RunPermit.ON)
    heard = parsed(CONTROLLER + STOPS + "stop_unheard = true\n")
    assert Terms.of(heard.timing, heard.gate).running is RunPermit.WHILE_HEARD


@pytest.mark.parametrize(("value", "latches"), [("tell", False), ("latch", True)])
def test_tell_and_latch_are_what_they_were(value, latches):
    """They ask for nothing of the kind, and are told as before."""
    gate = f'second_eye = "bin"\non_disagreement = "{value}"\n'
    config = parsed(CONTROLLER + gate)
    assert (config.gate.latches, config.gate.stops) == (latches, False)
    told = Terms.of(config.timing, config.gate).config
    assert (told.stops, told.version, len(told.payload())) == (False, 1, 19)


@pytest.mark.parametrize("driver", ["modbus", "lcus", "line"])
def test_a_relay_is_refused_in_a_sentence(driver):
    """It has neither the eye nor the output."""
    gate = f'driver = "{driver}"\nport = "/dev/ttyUSB0"\non_disagreement = "stop"\n'
    with pytest.raises(ConfigError, match=f"{driver} has no second photo-eye and no output that"):
        parsed(gate + '[trigger]\ndriver = "interval"\n')


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ('on_disagreement = "stop"\n', "needs second_eye"),
        ('second_eye = "bin"\nstop_unheard = true\n', "nothing else stops a belt"),
        (STOPS + "delay_ticks = 2000\nguard_ticks = 40\nmin_pitch_ticks = 700\n"
         "max_ticks_per_s = 5000\n", "give one of the two|take one of the two out"),
    ],
)  # fmt: skip
def test_what_could_never_stop_is_refused(gate, says):
    """An eye is needed, and windows that are times."""
    with pytest.raises(ConfigError, match=says):
        parsed(CONTROLLER + gate)


def test_check_config_says_what_it_cannot_see(tmp_path):
    """Whether the firmware has the pin shows only when the port is opened."""
    notes = find_notes(parsed(CONTROLLER + STOPS, tmp_path))
    assert [note for note in notes if "RUN_PIN" in note and "cannot stop the belt" in note]
    assert not [note for note in find_notes(parsed(CONTROLLER, tmp_path)) if "RUN_PIN" in note]
