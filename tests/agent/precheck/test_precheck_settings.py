"""Settings that do not go together are said before the line starts, a sentence each."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from agent.config.document import parse_config
from agent.precheck.settings import PICO_PARTS, setting_faults, setting_notes

FLIGHT = Path(__file__).parents[3] / "deploy/firmware/flight.py"
SIM_CAMERA = '[camera]\ndriver = "sim"\n'
SIM_GATE = '[gate]\ndriver = "sim"\n'
CONTROLLER = '[gate]\ndriver = "controller"\nport = "/dev/ttyACM0"\n'
PIPE = '[camera]\ndriver = "pipe"\ncommand = ["cat"]\nwidth = 4096\nheight = 4096\n'
V4L2 = '[camera]\ndriver = "v4l2"\ndevice = "/dev/video0"\nwidth = 64\nheight = 64\n'
RELAY = (
    '[gate]\ndriver = "modbus"\nport = "/dev/ttyUSB0"\n[timing]\nmin_pitch_ms = 400\n'
    "delay_ms = 900\nmax_in_flight = 6\n[trigger]\n"
)


def config(gate=SIM_GATE, camera=SIM_CAMERA, more="", ledger="", folder=None):
    """Return a valid configuration, whatever it is worth."""
    text = f'{camera}{gate}[model]\nbundle = "m.lwb"\n[ledger]\nfolder = "state"\n{ledger}{more}'
    return parse_config(text, folder=folder)


def test_what_goes_together_is_nothing_to_speak_of():
    """Neither the simulated line nor a controller with the times that it comes with."""
    for fine in (config(), config(CONTROLLER), config(RELAY + 'driver = "interval"\n')):
        assert (setting_faults(fine), setting_notes(fine)) == ([], [])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"more": "[belt]\nrate_per_s = 200\n"}, "belt.rate_per_s 200: a part every 5 ms"),
        ({"more": "[timing]\nmax_in_flight = 3\n"}, "raise it to 6"),
        ({"gate": RELAY + 'driver = "interval"\ninterval_ms = 50\n'}, "trigger.interval_ms: a par"),
        ({"camera": V4L2 + "frame_rate = 10\nsilent_ms = 50\n"}, "camera.silent_ms 50 is not lon"),
        ({"camera": PIPE + "frame_rate = 0.5\n"}, "camera.silent_ms 1000 is not longer"),
        ({"camera": V4L2 + "exposure_us = 900000\n"}, "camera.exposure_us 900000 is longer"),
    ],
)
def test_a_contradiction_is_a_fault_with_its_key(changes, says):
    """Pace, parts in flight, frames and exposure."""
    (fault,) = setting_faults(config(**changes))
    assert says in fault
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"gate": CONTROLLER, "more": "[timing]\nmax_in_flight = 9\n"}, "are 26 between"),
        ({"gate": CONTROLLER, "more": "[timing]\nmax_in_flight = 600\n"}, "holds at most 512"),
        ({"ledger": "picture_quota_mb = 0\n"}, "no picture is kept"),
        ({"camera": PIPE, "ledger": "picture_quota_mb = 16\n"}, "a single picture of 4096x4096"),
    ],
)
def test_what_may_be_meant_so_is_a_note(changes, says):
    """How close parts come is the belt's affair, and pictures may be unwanted."""
    checked = config(**changes)
    assert setting_faults(checked) == []
    (note,) = setting_notes(checked)
    assert says in note


def test_who_wants_no_pictures_needs_no_quota():
    """Then nothing is promised that is not kept."""
    none = "picture_quota_mb = 0\nkeep_rejects = false\nkeep_pass_every = 0\n"
    assert setting_notes(config(ledger=none)) == []


def test_the_picos_room_is_the_one_of_its_firmware():
    """The number stands in both places."""
    (limit,) = re.findall(r"^LIMIT = const\((\d+)\)$", FLIGHT.read_text("utf-8"), re.MULTILINE)
    assert int(limit) == PICO_PARTS


def test_a_trigger_pipe_is_a_pipe_or_can_be_made(tmp_path):
    """A file in its place, or no folder, is found before the agent waits for it."""
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    for name, says in (("file", "no named pipe"), ("no/pipe", "no folder"), ("file/x", "Not a di")):
        gate = f'{RELAY}driver = "command"\npipe = "{name}"\n'
        (fault,) = setting_faults(config(gate, folder=tmp_path))
        assert says in fault
    for name in ("pipe", "new"):
        gate = f'{RELAY}driver = "command"\npipe = "{name}"\n'
        assert setting_faults(config(gate, folder=tmp_path)) == []
