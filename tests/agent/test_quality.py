"""Frames that cannot be judged are recognised."""

import numpy as np
import pytest
from bundles import picture

from agent.quality import frame_fault


@pytest.mark.parametrize(
    ("pixels", "fault"),
    [
        (np.zeros((300, 300), np.uint8), "black"),
        (np.full((300, 300, 3), 255, np.uint8), "saturated"),
        (np.full((300, 300), 128, np.uint8), "blank"),
        (picture(size=300), ""),
    ],
)
def test_a_frame_that_shows_nothing_is_named(pixels, fault):
    """Black, saturated and blank frames have a name, others none."""
    assert frame_fault(pixels) == fault


def test_a_dark_frame_with_a_part_is_judged():
    """Dark is not black: a low but textured picture has no fault."""
    assert not frame_fault((picture(size=300) // 8).astype(np.uint8))
