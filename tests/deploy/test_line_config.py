"""What flashing reads of the line's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy import line_config
from deploy.errors import LineConfigError
from deploy.line_config import read_line

FULL = """
[station]
site = "plant-1"
[camera]
driver = "v4l2"
width = 640
height = 480
[engine]
threads = 3
[model]
slots = "slots"
trust = "/etc/keys"
allow_unsigned = true
[timing]
delay_ms = 100
guard_ms = 5.0
command_ms = 10
frame_within_ms = 20
[probation]
parts = 50
minutes = 2
[newer]
key = 1
"""


def test_everything_flashing_needs_is_read(tmp_path):
    """Slots, trust, camera, threads and what is left for a verdict: 100 - 2 * 5 - 10 - 20."""
    (tmp_path / "agent.toml").write_text(FULL)
    line = read_line(tmp_path / "agent.toml")
    assert (line.slots, line.trust) == (tmp_path / "slots", Path("/etc/keys"))
    assert (line.camera, line.threads, line.budget_ms) == ((640, 480), 3, 60.0)
    assert (line.probation_parts, line.probation_minutes) == (50, 2.0)
    assert line.allow_unsigned
    assert line.fixed is None


def test_rows_that_wait_and_the_fastest_belt_leave_a_verdict_less(tmp_path):
    """60 less 25 for the commit; 1,000 ticks at 10,000 a second are 100 ms, and the guard 4."""
    path = tmp_path / "agent.toml"
    path.write_text(FULL + "[ledger]\ngroup_ms = 25.0\n")
    assert read_line(path).budget_ms == 35.0
    ticks = "delay_ticks = 1000\nguard_ticks = 40\nmin_pitch_ticks = 170\nmax_ticks_per_s = 10000\n"
    path.write_text(f"[gate]\n{ticks}")
    assert read_line(path).budget_ms == 57.0


def test_what_a_camera_is_set_to_is_read_as_far_as_the_agent_sets_it(tmp_path):
    """None is left to the camera; of a command nothing is known."""
    path = tmp_path / "agent.toml"
    path.write_text(FULL.replace("height = 480", "height = 480\nexposure_us = 2000\ngain = 0"))
    assert read_line(path).settings == {
        "pixels": "mjpeg", "exposure_us": 2000, "gain": 0, "white_balance_k": None, "focus": None,
    }  # fmt: skip
    path.write_text('[camera]\ndriver = "pipe"\nexposure_us = 2000\n')
    assert read_line(path).settings == {}


def test_a_device_without_a_configuration_has_the_usual_folders(monkeypatch, tmp_path):
    """A board may be flashed before it is set up; unsigned models are not for it."""
    monkeypatch.setattr(line_config, "DEFAULT_CONFIG", tmp_path / "none.toml")
    line = read_line(None)
    assert not line.found
    assert not line.allow_unsigned
    assert line.slots == Path("/var/lib/linewarden/slots")


def test_a_simulated_camera_has_a_size_and_a_folder_of_pictures_has_none(tmp_path):
    """The size is checked where it is known."""
    for driver, size in (("sim", (300, 300)), ("replay", None)):
        (tmp_path / "agent.toml").write_text(f'[camera]\ndriver = "{driver}"\n')
        assert read_line(tmp_path / "agent.toml").camera == size


def test_a_file_of_comments_is_no_configuration_yet(tmp_path):
    """A fresh board may be flashed; what cannot be checked is told."""
    (tmp_path / "agent.toml").write_text("# [camera]\n")
    assert not read_line(tmp_path / "agent.toml").found


def test_empty_texts_stand_for_the_defaults(tmp_path):
    """As the agent reads them."""
    (tmp_path / "agent.toml").write_text('[model]\nbundle = ""\ntrust = ""\nslots = "s"\n')
    line = read_line(tmp_path / "agent.toml")
    assert (line.fixed, line.slots) == (None, tmp_path / "s")
    assert line.trust == Path("/etc/linewarden/trust")


def test_only_a_plain_true_allows_unsigned_models(tmp_path):
    """A text "false" is true in Python, and shall not be here."""
    (tmp_path / "agent.toml").write_text('[model]\nallow_unsigned = "false"\n')
    assert not read_line(tmp_path / "agent.toml").allow_unsigned


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[model", "not valid TOML"),
        ("model = 3", "model is no section"),
        ("[model]\nslots = 3", "model.slots 3 is no path"),
        ("[model]\ntrust = true", "model.trust True is no path"),
        ('[timing]\ndelay_ms = "400"', "timing.delay_ms '400' is no number"),
        ("[timing]\ndelay_ms = nan", "timing.delay_ms nan is no number"),
        ("[timing]\ndelay_ms = 20", "no time for a verdict"),
        ('[camera]\ndriver = "v4l2"\ngain = "4"', "camera.gain '4' is no number"),
        ("[camera]\nwidth = true\nheight = 2", "camera.width True is no number"),
        ("\xff", "not valid TOML"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_in_one_line(tmp_path, text, says):
    """The file, the key and the value are named."""
    path = tmp_path / "agent.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(LineConfigError) as refused:
        read_line(path)
    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_configuration_that_was_asked_for_must_be_there(tmp_path):
    """A mistyped name shall not mean the usual folders."""
    with pytest.raises(LineConfigError, match="there is no configuration"):
        read_line(tmp_path / "agnet.toml")
