"""Fixtures of the models' tests: a device whose model judges."""

import pytest
from model_rig import ModelRig


@pytest.fixture
def rig(tmp_path):
    """Return a device whose first model is confirmed and judges."""
    rig = ModelRig(tmp_path)
    rig.flash(1, confirm=True)
    rig.step()
    assert rig.models.title == "scripted-1.0.1"
    return rig
