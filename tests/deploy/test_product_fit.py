"""Which models are for this line."""

from __future__ import annotations

import pytest
from flash_rig import SPEC, tiny_manifest

from bundle.camera_settings import CameraSettings
from bundle.manifest import Region
from deploy.errors import FitError
from deploy.findings import Findings
from deploy.fit import camera_notes, check_fit, check_time
from deploy.line_config import LineConfig

LINE = LineConfig(camera=(48, 40), budget_ms=50.0)
REGION = SPEC.model_copy(update={"region": Region(x=8, y=8, width=16, height=16)})
WIDER = SPEC.model_copy(update={"frame_width": 64})


def refused(new, judging=None, line=LINE, **asked):
    """Return the one line of a refusal, or nothing."""
    said = ""
    try:
        check_fit(new, line, judging, force=asked.get("force", False))
    except FitError as error:
        said = str(error)
    assert "\n" not in said
    return said


def test_a_model_for_another_camera_is_refused_and_cannot_be_forced():
    """Every part would be rejected; both sizes are told."""
    for force in (False, True):
        said = refused(tiny_manifest(input=WIDER), force=force)
        assert "frames of 64x40" in said
        assert "gives 48x40" in said


def test_the_camera_of_the_judging_model_counts_where_the_configuration_says_nothing():
    """A folder of pictures has no size."""
    line = LineConfig(camera=None)
    assert "another camera" in refused(tiny_manifest(input=WIDER), tiny_manifest(), line)
    assert not refused(tiny_manifest(input=WIDER), None, line)


@pytest.mark.parametrize(
    "changed",
    [
        {"labels": ("bad", "fine")},
        {"labels": ("bad", "ok", "scratch")},
        {"defective": ("ok",)},
        {"input": REGION},
    ],
)
def test_a_model_for_another_product_is_refused_unless_it_is_meant(changed):
    """Labels, which of them are defects, and where it looks."""
    new = tiny_manifest(**changed)
    assert "another product" in refused(new, tiny_manifest())
    assert not refused(new, tiny_manifest(), force=True)
    assert not refused(new, None)


def test_the_order_of_the_labels_does_not_matter():
    """Each model knows its own."""
    assert not refused(tiny_manifest(labels=("ok", "bad")), tiny_manifest())


def test_a_camera_set_otherwise_than_in_training_is_a_note_and_no_refusal():
    """What the line does not say is not spoken of."""
    new = tiny_manifest(camera=CameraSettings(exposure_us=2000, gain=4))
    line = LineConfig(camera=(48, 40), settings={"exposure_us": 900.0, "gain": None})
    assert not refused(new, line=line)
    assert camera_notes(new, line) == [
        "camera.exposure_us is 900 here, trained with 2000: set camera.exposure_us = 2000, and "
        "restart the agent",
        "camera.gain is left to the camera here, trained with 4: set camera.gain = 4, and restart "
        "the agent",
    ]
    assert camera_notes(new, LINE) == camera_notes(tiny_manifest(), line) == []


def test_a_model_slower_than_the_line_is_refused():
    """Its time and the line's are told; a line whose times are not known refuses nothing."""
    check_time(Findings(p99_ms=50.0), LINE)
    check_time(Findings(p99_ms=51.0), LineConfig())
    with pytest.raises(FitError, match=r"takes 51\.0 ms.*leaves 50\.0 ms"):
        check_time(Findings(p99_ms=51.0), LINE)
