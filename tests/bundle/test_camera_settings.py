"""How the camera was set for the training pictures: stated strictly, and held against a line."""

from __future__ import annotations

import json

import pytest
from bundles import CAMERA, some_manifest, write_scripted
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bundle.archive import open_archive
from bundle.camera_settings import LOCKABLE, CameraSettings, Difference, differences
from bundle.errors import ManifestError
from bundle.manifest import manifest_bytes, parse_manifest

BOUNDS = {
    "exposure_us": (100, 10_000_000),
    "gain": (0, 1_000_000),
    "white_balance_k": (1000, 20_000),
    "focus": (0, 1_000_000),
}


@st.composite
def stated(draw):
    """Return settings of which each is given, left to the camera, or not stated."""
    values = {"pixels": draw(st.sampled_from([None, "mjpeg", "yuyv", "gray"]))}
    left = []
    for name, (lowest, highest) in BOUNDS.items():
        kind = draw(st.sampled_from(["value", "left", "none"]))
        if kind == "value":
            values[name] = draw(st.integers(lowest, highest))
        elif kind == "left":
            left.append(name)
    if not left and set(values.values()) == {None}:
        left.append("gain")
    return CameraSettings(**values, left_to_camera=tuple(draw(st.permutations(left))))


@given(stated())
def test_what_is_stated_is_read_back(camera):
    """Byte for byte, a value of 0 too; what is not stated is not written."""
    manifest = some_manifest(camera=camera)
    text = manifest_bytes(manifest)
    assert parse_manifest(text) == manifest
    assert manifest_bytes(parse_manifest(text)) == text
    written = json.loads(text)["camera"]
    assert None not in written.values()
    for name in BOUNDS:
        assert (name in written) == (getattr(camera, name) is not None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"exposure_us": 99}, "exposure_us"),
        ({"exposure_us": 10_000_001}, "exposure_us"),
        ({"exposure_us": 2000.0}, "exposure_us"),
        ({"exposure_us": "2000"}, "exposure_us"),
        ({"gain": -1}, "gain"),
        ({"gain": True}, "gain"),
        ({"white_balance_k": 999}, "white_balance_k"),
        ({"focus": 1_000_001}, "focus"),
        ({"pixels": "rgb"}, "pixels"),
        ({"exposure_ms": 2}, "exposure_ms"),
        ({"left_to_camera": ["focus", "focus"]}, "twice"),
        ({"left_to_camera": ["gain"]}, "gain has a value"),
        ({"left_to_camera": ["pixels"]}, "left_to_camera"),
        ({"left_to_camera": "focus"}, "left_to_camera"),
    ],
)
def test_what_cannot_be_a_setting_is_refused_by_its_name(change, says):
    """Another type, out of bounds, unknown, or contradicting itself: one line."""
    data = json.loads(manifest_bytes(some_manifest(camera=CAMERA)))
    data["camera"] |= change
    with pytest.raises(ManifestError, match=says) as refused:
        parse_manifest(json.dumps(data).encode())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("nothing", [{}, {"left_to_camera": []}, {"gain": None}])
def test_a_statement_that_states_nothing_is_none(nothing):
    """The key is left out then."""
    data = json.loads(manifest_bytes(some_manifest())) | {"camera": nothing}
    with pytest.raises(ManifestError, match="states no setting"):
        parse_manifest(json.dumps(data).encode())
    with pytest.raises(ValidationError):
        CameraSettings()


def test_without_the_key_a_bundle_is_as_before_and_with_it_says_what_it_needs(tmp_path):
    """Older agents go on reading bundles that do not use it."""
    plain = open_archive(write_scripted(tmp_path / "plain.lwb"))
    assert b'"camera"' not in manifest_bytes(plain.manifest)
    assert plain.manifest.needs_agent is None
    path = write_scripted(tmp_path / "stated.lwb", camera=CAMERA)
    assert open_archive(path).manifest.camera == CAMERA
    assert open_archive(path).manifest.needs_agent == "0.1"


HERE = {"pixels": "mjpeg", "exposure_us": 2000, "gain": 0, "white_balance_k": None, "focus": None}


@pytest.mark.parametrize(
    ("change", "told", "remedy"),
    [
        (
            {"exposure_us": 4000},
            "exposure_us is 4000 here, trained with 2000",
            "set camera.exposure_us = 2000",
        ),
        (
            {"gain": None},
            "gain is left to the camera here, trained with 0",
            "set camera.gain = 0",
        ),
        (
            {"white_balance_k": 4600},
            "white_balance_k is 4600 here, trained with it left to the camera",
            "take camera.white_balance_k out",
        ),
        (
            {"pixels": "yuyv"},
            "pixels is yuyv here, trained with mjpeg",
            'set camera.pixels = "mjpeg"',
        ),
        (
            {"exposure_us": 1500.0},
            "exposure_us is 1500 here, trained with 2000",
            "set camera.exposure_us = 2000",
        ),
    ],
)
def test_each_difference_is_told_with_what_to_write(change, told, remedy):
    """In the configuration's own names."""
    (found,) = differences(CAMERA, HERE | change)
    assert (found.told, found.remedy) == (told, remedy)


def test_what_is_not_stated_or_not_known_is_no_difference():
    """A camera that others set, a focus that nobody spoke of, a bundle without the key."""
    assert differences(CAMERA, HERE) == ()
    assert differences(CAMERA, {}) == ()
    assert differences(CAMERA, HERE | {"focus": 10}) == ()
    assert differences(None, HERE) == ()
    assert differences(CameraSettings(gain=3), {"exposure_us": 5}) == ()


@given(stated(), stated())
def test_two_settings_differ_where_both_are_known_and_not_equal(trained, here):
    """And nowhere else; a line set as stated never differs."""
    known = {name: getattr(here, name) for name in LOCKABLE}
    for found in differences(trained, known):
        assert isinstance(found, Difference)
        assert found.here != found.trained
        assert getattr(trained, found.name) is not None or found.name in trained.left_to_camera
    assert differences(here, known) == ()


def test_all_that_is_stated_is_told_in_a_line():
    """For the card, and for a camera whose settings cannot be seen."""
    assert CAMERA.told == (
        "pixels mjpeg, exposure_us 2000, gain 0, white_balance_k left to the camera"
    )
