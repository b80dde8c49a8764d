"""How the camera was set is taken from the agent.toml of the line, or refused in a sentence."""

from __future__ import annotations

import pytest

from agent.config.camera import V4l2Camera
from bundle.camera_settings import CameraSettings
from bundle.manifest import InputSpec
from export.camera_file import read_camera
from export.errors import ExportError

SPEC = InputSpec(height=32, width=32, frame_height=480, frame_width=640)
LINE = """
[station]
site = "plant-1"
[camera]
driver = "v4l2"
device = "/dev/video0"
width = 640
height = 480
frame_rate = 60.0
exposure_us = 2000
gain = 0
"""


@pytest.fixture
def taken(tmp_path):
    """Return a function that takes the settings from a file of this text."""

    def take(text):
        path = tmp_path / "agent.toml"
        path.write_bytes(text.encode("latin-1"))
        return read_camera(path, SPEC)

    return take


def test_what_the_line_locks_is_taken_and_the_rest_is_said_to_be_left(taken):
    """The way of the pixels too, which has a usual value."""
    assert taken(LINE) == CameraSettings(
        pixels="mjpeg",
        exposure_us=2000,
        gain=0,
        left_to_camera=("white_balance_k", "focus"),
    )
    assert taken(f'{LINE}pixels = "gray"\nfocus = 3\n').focus == 3
    assert V4l2Camera.model_fields["pixels"].default == "mjpeg"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[camera", "not valid TOML"),
        ("\xff", "not valid TOML"),
        ("[station]\n", "has no section [camera]"),
        ("camera = 3\n", "has no section [camera]"),
        ("[camera]\n", "camera.driver is None"),
        ('[camera]\ndriver = "pipe"\n', "camera.driver is 'pipe', and only a v4l2 camera"),
        (f"{LINE}strict = false\n", "may have had other values"),
        (LINE.replace("640", "1280"), "frames of 1280x480, the run learned from 640x480"),
        (LINE.replace("2000", "99"), "camera.exposure_us"),
        (LINE.replace("2000", '"2000"'), "camera.exposure_us"),
        (LINE.replace("gain = 0", "gain = 1.5"), "camera.gain"),
        (f'{LINE}pixels = "rgb"\n', "camera.pixels"),
        (f"#{' ' * 300_000}\n{LINE}", "more than 256 KiB"),
    ],
)
def test_a_file_that_does_not_say_it_is_refused_in_one_line(taken, text, says):
    """File, key and what to do; nothing is guessed."""
    with pytest.raises(ExportError) as refused:
        taken(text)
    assert says in str(refused.value)
    assert "agent.toml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    """And a folder."""
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ExportError, match=r"cannot read .*--camera names the agent\.toml"):
            read_camera(path, SPEC)
