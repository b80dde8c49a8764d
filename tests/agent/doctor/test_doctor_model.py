"""What the doctor finds wrong with the model and with whom is trusted."""

from __future__ import annotations

import os

from flash_rig import SPEC

from agent.doctor.finding import Level
from agent.doctor.model_checks import check_model
from bundle.camera_settings import CameraSettings
from bundle.judging import Judging, write_judging


def levels(found):
    """Return the level of each subject."""
    return {each.subject: each.level.value for each in found}


def test_a_model_that_is_whole_and_trusted_is_fine(flashed):
    """Its key is named, and what it is."""
    assert levels(check_model(flashed(), running=False)) == {"trust": "ok", "model": "ok"}


def test_what_keeps_a_model_from_judging_is_a_fault(flashed, configured, tmp_path):
    """None flashed, none trusted, damaged, of another size, or refused by the agent."""
    assert levels(check_model(configured(), running=False)) == {"trust": "fault", "model": "fault"}
    config = flashed()
    running = check_model(config, running=True)
    assert running[-1].subject == "judging"
    assert running[-1].level is Level.FAULT
    path = tmp_path / "slots" / "a" / "model.lwb"
    path.write_bytes(path.read_bytes()[:-1])
    damaged = check_model(config, running=False)[-1]
    assert (damaged.level, damaged.next) == (Level.FAULT, "`linewarden flash FILE`")


def test_a_model_for_another_camera_is_a_fault(flashed):
    """Every part would be rejected."""
    found = check_model(flashed(input=SPEC), running=False)[-1]
    assert "frames of 48x40, the camera gives 300x300" in found.text
    assert found.level is Level.FAULT


def test_a_camera_set_otherwise_than_in_training_is_warned_of(flashed, configured):
    """By what stands in the configuration; of a camera that is drawn nothing is said."""
    flashed(input=SPEC, camera=CameraSettings(exposure_us=2000, gain=4))
    text = (
        '[camera]\ndriver = "v4l2"\ndevice = "/dev/none"\nwidth = 48\nheight = 40\n'
        'exposure_us = 900\n[model]\n{model}\n[gate]\ndriver = "{gate}"\n{port}\n'
        '[ledger]\nfolder = "ledger"\n'
    )
    found = check_model(configured(text=text), running=False)
    warned = [each for each in found if each.subject == "camera settings"]
    assert [each.level for each in warned] == [Level.WARNING] * 2
    assert warned[0].text == "camera.exposure_us is 900 here, trained with 2000"
    assert warned[1].next == "set camera.gain = 4"
    assert "camera settings" not in levels(check_model(configured(), running=False))


def test_what_the_agent_says_of_its_model_is_told(flashed, tmp_path):
    """It judges, or it judges by the one before."""
    config = flashed()
    said = Judging(
        title="tiny-1.1", sha256="", signed=True, since="now", pid=os.getpid(), ready=True,
        refused="",
    )  # fmt: skip
    for refused, level in (("", Level.OK), ("too slow", Level.WARNING)):
        write_judging(tmp_path / "slots", said.model_copy(update={"refused": refused}))
        assert check_model(config, running=True)[-1].level is level


def test_unsigned_models_are_warned_of(configured):
    """For as long as they are allowed."""
    config = configured(model='slots = "slots"\ntrust = "trust"\nallow_unsigned = true')
    assert levels(check_model(config, running=False))["unsigned"] == "warning"
