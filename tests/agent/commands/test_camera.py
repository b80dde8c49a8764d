"""`linewarden camera`: a still with figures, and a live bar, from the agent's configuration."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
from bundles import SPEC, write_scripted
from camera_stand_ins import writer
from typer.testing import CliRunner

from agent import drivers
from agent.commands.camera import bar, camera
from agent.errors import CameraError, ConfigError
from bundle.camera_settings import CameraSettings
from bundle.manifest import Region


@pytest.fixture
def configured(tmp_path):
    """Return a maker of configurations around a camera section."""

    def make(section, extra="", trained=None):
        spec = SPEC.model_copy(update={"region": Region(x=10, y=12, width=20, height=16)})
        write_scripted(tmp_path / "model.lwb", input=spec, camera=trained)
        path = tmp_path / "agent.toml"
        path.write_text(
            f"[camera]\n{section}\n[model]\nbundle = 'model.lwb'\n[gate]\ndriver = 'sim'\n"
            f"[ledger]\nfolder = 'state'\n{extra}",
            "utf-8",
        )
        return path

    return make


@pytest.fixture
def pictures(tmp_path):
    """A folder of pictures of the size that the model was trained with."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return "driver = 'replay'\nfolder = 'pictures'"


BUSY = "[belt]\nrate_per_s = 2.0\njitter = 0.0\nstart_ns = 0\n"


def _run(*words, code=0):
    done = CliRunner().invoke(camera, [str(word) for word in words])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def _pipe(*options):
    command = ", ".join(json.dumps(word) for word in writer(*options))
    return (
        f"driver = 'pipe'\ncommand = [{command}]\nwidth = 64\nheight = 64\n"
        "frame_rate = 100.0\npixels = 'gray'"
    )


def test_a_still_has_the_region_drawn_and_its_figures_printed(configured, tmp_path):
    """The frame's own size, a green frame around the region, and the camera's size agrees."""
    out = tmp_path / "still.png"
    path = configured(_pipe(64, 64, 100), "[quality]\nblank_spread = 0.0\nblack_mean = 0.0\n")
    facts = json.loads(_run("show", "--config", path, "--out", out, "--json"))
    still = cv2.imread(str(out))
    assert still.shape == (64, 64, 3)
    assert still[12, 15].tolist() == [0, 255, 0]
    assert still[20, 20].tolist() != [0, 255, 0]
    assert facts["region"] == {"x": 10, "y": 12, "width": 20, "height": 16}
    assert (facts["width"], facts["height"], facts["size_fault"]) == (64, 64, "")
    assert facts["figures"]["sharpness"] >= 0


def test_a_clean_still_is_the_frame_itself(configured, tmp_path):
    """It can be the reference of [quality]: nothing is drawn, gray stays gray."""
    out = tmp_path / "still.png"
    path = configured(_pipe(64, 64, 100), "[quality]\nblank_spread = 0.0\nblack_mean = 0.0\n")
    _run("show", "--config", path, "--out", out, "--clean")
    still = cv2.imread(str(out), cv2.IMREAD_UNCHANGED)
    assert still.shape == (64, 64)
    assert len(np.unique(still[:60])) == 1


def test_a_frame_that_cannot_be_judged_is_told_and_the_exit_code_is_1(configured, tmp_path):
    """The writer's frames are of one tone: blank, in words and by the exit code."""
    path = configured(_pipe(64, 64, 100), "[quality]\nblack_mean = 0.0\n")
    told = _run("show", "--config", path, "--out", tmp_path / "a.png", code=1)
    assert "frame       blank: it shows nothing at all" in told
    assert "half of it is a good quality.min_sharpness" in told


def test_another_size_than_the_models_is_told(configured, tmp_path):
    """The bundle says what it was trained with."""
    section = _pipe(64, 48, 100).replace("height = 64", "height = 48")
    told = _run("show", "--config", configured(section), "--out", tmp_path / "a.png", code=1)
    assert "the model was trained on 64x64, the camera gives 64x48" in told


def test_settings_that_are_not_those_of_the_training_are_told(configured, tmp_path, monkeypatch):
    """As they were read back; they do not keep the frame from being judged."""
    support = Path(__file__).parents[2] / "support"
    monkeypatch.setenv("PYTHONPATH", f"{support}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setitem(drivers.CAMERAS, "v4l2", "apart_stand_ins:unwilling")
    section = (
        "driver = 'v4l2'\ndevice = '/dev/video7'\nwidth = 64\nheight = 64\npixels = 'gray'\n"
        "frame_rate = 100.0\nexposure_us = 2000\nstrict = false"
    )
    trained = CameraSettings(exposure_us=2000, gain=4)
    path = configured(section, "[quality]\nblank_spread = 0.0\nblack_mean = 0.0\n", trained)
    words = ["show", "--config", path, "--out", tmp_path / "a.png"]
    lines = _run(*words).splitlines()
    assert "exposure_us 1500   NOT TAKEN, asked for 2000" in lines
    assert "camera      exposure_us is 1500 here, trained with 2000" in lines
    assert "camera      gain is left to the camera here, trained with 4" in lines
    assert len(json.loads(_run(*words, "--json"))["differs"]) == 2
    path = configured(
        _pipe(64, 64, 100), "[quality]\nblank_spread = 0.0\nblack_mean = 0.0\n", trained
    )
    assert json.loads(_run(*words, "--json"))["differs"] == []


def test_without_a_bundle_the_still_comes_all_the_same(configured, pictures, tmp_path):
    """The camera is aimed before there is a model."""
    path = configured(pictures, BUSY)
    (tmp_path / "model.lwb").unlink()
    out = tmp_path / "still.png"
    done = CliRunner().invoke(camera, ["show", "--config", str(path), "--out", str(out)])
    assert "no region is drawn" in done.stdout
    assert out.exists()


def test_a_camera_without_frames_and_a_place_that_cannot_be_written_are_one_sentence(
    configured, tmp_path
):
    """Each says what to do."""
    path = configured(_pipe(64, 64, 100, 2, "stay"))
    with pytest.raises(CameraError, match=r"fewer than 6 frames within 0\.5 s.*--patience"):
        _run("show", "--config", path, "--patience", "0.5")
    path = configured(_pipe(64, 64, 100))
    with pytest.raises(CameraError, match="cannot write the still"):
        _run("show", "--config", path, "--out", tmp_path / "no" / "a.png")
    with pytest.raises(ConfigError):
        _run("show", "--config", tmp_path / "none.toml")


def test_focus_tells_how_sharp_it_is_and_stops_by_itself(configured, pictures):
    """Without a terminal there are lines; the last says best and last."""
    told = _run("focus", "--config", configured(pictures, BUSY), "--seconds", "0.6")
    assert told.startswith("sharpness")
    assert told.splitlines()[-1].startswith("best ")
    answer = json.loads(
        _run("focus", "--config", configured(pictures, BUSY), "--seconds", "0.6", "--json")
    )
    assert answer["frames"] > 0
    assert answer["best"] >= answer["last"] >= 0


def test_the_bar_is_full_at_the_best_and_never_longer():
    """A technician turns the lens until it is full."""
    assert bar(10.0, 10.0).count("#") == 50
    assert bar(5.0, 10.0).count("#") == 25
    assert bar(0.0, 0.0).count("#") == 0


def test_the_example_of_the_help_has_options_that_exist():
    """What the help tells to type can be typed."""
    for name in ("show", "focus"):
        help_text = CliRunner().invoke(camera, [name, "--help"]).stdout
        example = help_text.split("Example: linewarden camera ")[1].splitlines()[0]
        options = [word for word in shlex.split(example) if word.startswith("--")]
        assert all(help_text.count(option) > 1 for option in options)
