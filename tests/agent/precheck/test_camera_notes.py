"""What of the camera is set otherwise than for the training pictures is said before the start."""

from __future__ import annotations

import pytest
from bundles import CAMERA, write_scripted

from agent.clock import ManualClock
from agent.config.document import parse_config
from agent.engines.scripted import ScriptedEngine
from agent.precheck.check import check

V4L2 = 'driver = "v4l2"\ndevice = "/dev/none"\nwidth = 64\nheight = 64\nframe_rate = 120\n'
PIPE = 'driver = "pipe"\ncommand = ["true"]\nwidth = 64\nheight = 64\nframe_rate = 120\n'
REPLAY = 'driver = "replay"\nfolder = "pictures"\n'


@pytest.fixture
def notes(tmp_path):
    """Return a function that gives what is said of a camera beside the faults."""

    def say(camera, trained=CAMERA):
        (tmp_path / "pictures").mkdir(exist_ok=True)
        write_scripted(tmp_path / "m.lwb", camera=trained)
        text = (
            f'[camera]\n{camera}\n[model]\nbundle = "m.lwb"\n[gate]\ndriver = "sim"\n'
            '[ledger]\nfolder = "state"\n'
        )
        config = parse_config(text, folder=tmp_path)
        engine = ScriptedEngine([(0.0, 1.0)], 32, 32)
        said = check(config, ManualClock(), lambda _model: engine)
        assert not [fault for fault in said.faults if not fault.startswith("camera.")]
        return said.notes

    return say


def test_a_camera_set_as_stated_is_nothing_to_speak_of(notes):
    """Nor is what the bundle does not speak of."""
    assert notes(f"{V4L2}exposure_us = 2000\ngain = 0\nfocus = 7") == []
    assert notes(f"{V4L2}exposure_us = 900", None) == []


def test_each_setting_that_differs_is_a_note_with_what_to_do(notes):
    """In the keys of the file; it is no fault, for the model can judge."""
    assert notes(f'{V4L2}exposure_us = 4000\nwhite_balance_k = 4600\npixels = "yuyv"') == [
        'camera.pixels is yuyv here, trained with mjpeg: set camera.pixels = "mjpeg", or flash a '
        "model trained with this camera as it is",
        "camera.exposure_us is 4000 here, trained with 2000: set camera.exposure_us = 2000, or "
        "flash a model trained with this camera as it is",
        "camera.gain is left to the camera here, trained with 0: set camera.gain = 0, or flash a "
        "model trained with this camera as it is",
        "camera.white_balance_k is 4600 here, trained with it left to the camera: take "
        "camera.white_balance_k out, or flash a model trained with this camera as it is",
    ]


def test_of_a_command_only_what_was_trained_with_is_said(notes):
    """What it sets is not known here; a folder of pictures sets nothing."""
    (note,) = notes(PIPE)
    assert note.startswith("camera.command: the model was trained with pixels mjpeg, exposure_us ")
    assert "cannot be seen from here" in note
    assert notes(REPLAY) == []
    assert notes(PIPE, None) == []
