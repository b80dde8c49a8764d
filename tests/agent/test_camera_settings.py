"""That the camera is not set as for the training pictures is told: once, and only what is known."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import cv2
import pytest
from bundles import CAMERA, some_manifest
from camera_stand_ins import ScriptedDevice
from flash_rig import Maker

from agent import drivers
from agent.camera_settings import CameraWatch, as_read_back, configured
from agent.cameras.v4l2 import V4l2Camera
from agent.clock import ManualClock, SystemClock
from agent.config.camera import PipeCamera, ReplayCamera, SimCamera
from agent.config.camera import V4l2Camera as Section
from agent.config.document import parse_config
from agent.notify import Notifier
from agent.service import Service
from bundle.camera_settings import NAMES, CameraSettings, differences

SUPPORT = Path(__file__).parents[1] / "support"
LOCKED = {"exposure_us": 2000, "gain": 12, "white_balance_k": 4600, "focus": 30}
TRAINED = CameraSettings(pixels="gray", **LOCKED)
OTHERS = [
    SimCamera(driver="sim"),
    ReplayCamera(driver="replay", folder="x"),
    PipeCamera(driver="pipe", command=["true"], width=64, height=48, pixels="yuyv"),
]


def section(**options):
    """Return the configuration of a small camera."""
    fields = {"width": 64, "height": 48, "frame_rate": 100.0, "pixels": "gray"}
    return Section(driver="v4l2", device="/dev/video0", **(fields | options))


def opened(given, sticks):
    """Return the driver over a scripted device on which these properties stick."""
    clock = ManualClock(10**10)

    def device(_name):
        made = ScriptedDevice(clock)
        made.sticks = sticks
        return made

    camera = V4l2Camera(given, clock, device)
    camera.open()
    return camera


def read_back(sticks, **options):
    """Return the differences in words once a camera was opened that does not take everything."""
    given = section(**{**LOCKED, "strict": False, **options})
    settings = opened(given, sticks).settings
    return [each.told for each in differences(TRAINED, as_read_back(given, settings))]


def test_a_bundle_states_what_the_configuration_locks_and_within_the_same_bounds():
    """Whatever stands in a configuration can stand in a bundle, and the other way round."""
    ours = CameraSettings.model_json_schema()["properties"]
    theirs = Section.model_json_schema()["properties"]
    assert set(ours) == {*NAMES, "left_to_camera"}
    for name in NAMES:
        alternatives = ours[name]["anyOf"][0]
        stated = theirs[name].get("anyOf", [theirs[name]])[0]
        for key in ("type", "minimum", "maximum", "enum"):
            assert alternatives.get(key) == stated.get(key), (name, key)


def test_only_of_a_v4l2_camera_the_settings_are_known():
    """A command, a folder and a drawing say nothing, so nothing is said of them."""
    assert configured(section(gain=3)) == {
        "pixels": "gray", "exposure_us": None, "gain": 3, "white_balance_k": None, "focus": None,
    }  # fmt: skip
    for other in OTHERS:
        assert configured(other) == {}
        assert as_read_back(other, ()) == {}


def test_a_camera_that_took_everything_is_as_configured():
    """Rounded to what its sensor has, too: that is the setting, as it was in training."""
    assert read_back({}) == []
    assert read_back({cv2.CAP_PROP_EXPOSURE: 20.2}) == []
    assert as_read_back(section(**LOCKED), ()) == {}


@pytest.mark.parametrize(
    ("sticks", "told"),
    [
        ({cv2.CAP_PROP_EXPOSURE: 15}, "exposure_us is 1500 here, trained with 2000"),
        (
            {cv2.CAP_PROP_AUTO_EXPOSURE: 3},
            "exposure_us is left to the camera here, trained with 2000",
        ),
        (
            {cv2.CAP_PROP_AUTO_EXPOSURE: 3, cv2.CAP_PROP_EXPOSURE: 7},
            "exposure_us is left to the camera here, trained with 2000",
        ),
        ({cv2.CAP_PROP_GAIN: 40}, "gain is 40 here, trained with 12"),
        (
            {cv2.CAP_PROP_AUTO_WB: 1},
            "white_balance_k is left to the camera here, trained with 4600",
        ),
        (
            {cv2.CAP_PROP_AUTOFOCUS: -1, cv2.CAP_PROP_FOCUS: -1},
            "focus is no such setting here, trained with 30",
        ),
    ],
)
def test_what_the_camera_did_not_take_is_told_as_it_was_read_back(sticks, told):
    """A value that its own automatic still changes is no value."""
    assert read_back(sticks) == [told]


def test_what_is_not_locked_here_is_told():
    """It was locked when the pictures were taken."""
    assert read_back({}, exposure_us=None) == [
        "exposure_us is left to the camera here, trained with 2000"
    ]


class Watched:
    """A watch over a camera and a model that a test changes."""

    def __init__(self, given, camera):
        self.told, self.model = [], None
        self.watch = CameraWatch(given, camera, lambda: self.model, self._tell)

    def _tell(self, kind, text):
        self.told.append((kind, text))

    def judges(self, title, trained):
        """Let a model judge, and look twice."""
        manifest = some_manifest(camera=trained)
        self.model = SimpleNamespace(title=title, manifest=manifest)
        self.watch.look()
        self.watch.look()


def test_it_is_told_once_for_each_cause():
    """A model swapped in, a camera opened anew that has another setting now; never a repeat."""
    given = section(**LOCKED, strict=False)
    camera = SimpleNamespace(settings=())
    desk = Watched(given, camera)
    desk.watch.look()
    desk.judges("a-1", TRAINED)
    assert (desk.told, desk.watch.differs) == ([], ())  # not opened yet: nothing is known
    camera.settings = opened(given, {cv2.CAP_PROP_EXPOSURE: 15}).settings
    desk.judges("a-1", TRAINED)
    ((kind, text),) = desk.told
    assert kind == "camera_settings"
    assert "pictures of a-1 were taken: exposure_us is 1500 here, trained with 2000:" in text
    assert text.endswith("set [camera] so, or flash a model trained with this camera as it is")
    camera.settings = opened(given, {cv2.CAP_PROP_EXPOSURE: 16}).settings
    desk.judges("a-1", TRAINED)
    assert len(desk.told) == 1
    assert desk.watch.differs == ("exposure_us is 1600 here, trained with 2000",)
    desk.judges("b-2", TRAINED)
    camera.settings = opened(given, {cv2.CAP_PROP_GAIN: 1}).settings
    desk.judges("b-2", TRAINED)
    assert len(desk.told) == 3
    camera.settings = opened(given, {}).settings
    desk.judges("b-2", TRAINED)
    assert desk.watch.differs == ()
    desk.judges("c-3", CAMERA)
    assert len(desk.told) == 4
    desk.judges("d-4", None)
    assert (len(desk.told), desk.watch.differs) == (4, ())


def test_while_no_model_judges_nothing_differs():
    """And the one that comes back is no news."""
    given = section(**LOCKED, strict=False)
    desk = Watched(given, opened(given, {cv2.CAP_PROP_GAIN: 1}))
    desk.judges("a-1", TRAINED)
    assert desk.watch.differs
    desk.model = None
    desk.watch.look()
    assert desk.watch.differs == ()
    desk.judges("a-1", TRAINED)
    assert desk.watch.differs
    assert len(desk.told) == 1


@pytest.mark.parametrize("other", OTHERS)
def test_of_a_camera_that_reads_nothing_back_nothing_is_told(other):
    """It may be set as it should be, and may not."""
    desk = Watched(other, object())
    desk.judges("a-1", TRAINED)
    assert (desk.told, desk.watch.differs) == ([], ())


def told_events(tmp_path, kind):
    """Return the texts of the ledger's events of a kind."""
    path = tmp_path / "ledger" / "ledger.sqlite"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT text FROM event WHERE kind = ? ORDER BY number", [kind])
        return [row[0] for row in found]
    finally:
        connection.close()


def test_a_running_agent_tells_what_its_camera_read_back(tmp_path, monkeypatch, wait_until):
    """The real driver in a process of its own, killed and opened again: one event, and `state`."""
    monkeypatch.setenv("PYTHONPATH", f"{SUPPORT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setitem(drivers.CAMERAS, "v4l2", "apart_stand_ins:unwilling")
    stated = CameraSettings(pixels="gray", exposure_us=2000, gain=12)
    (tmp_path / "m.lwb").write_bytes(Maker(tmp_path)(key=None, camera=stated))
    text = (
        '[camera]\ndriver = "v4l2"\ndevice = "/dev/video7"\nwidth = 48\nheight = 40\n'
        'frame_rate = 100.0\npixels = "gray"\nexposure_us = 2000\ngain = 12\nstrict = false\n'
        '[model]\nbundle = "m.lwb"\n[gate]\ndriver = "sim"\n[ledger]\nfolder = "ledger"\n'
    )
    service = Service(parse_config(text, folder=tmp_path), SystemClock(), Notifier(None))

    def differs():
        assert service._check()
        return json.loads(service._reporter.state(service._condition()))["camera_differs"]

    capture = service.lanes.capture
    try:
        service.start()
        wait_until(differs, 60)
        assert differs() == ["exposure_us is 1500 here, trained with 2000"]
        wait_until(lambda: capture.up, 60)  # which is later than its settings are known
        pid = capture._camera.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: capture._camera.pid not in (None, pid) and capture.up, 60)
        before = capture.taken
        wait_until(lambda: capture.taken > before, 60)
        assert differs() == ["exposure_us is 1500 here, trained with 2000"]
    finally:
        service.stop()
    assert len(told_events(tmp_path, "camera_up")) == 2
    (told,) = told_events(tmp_path, "camera_settings")
    assert "pictures of tiny-1.1 were taken: exposure_us is 1500 here, trained with 2000" in told
