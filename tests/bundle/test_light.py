"""Brightness and sharpness are the same at export and on the line, with colour or without."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from agent.config.quality import Quality
from agent.quality.frames import FrameQuality
from bundle.light import Sharpness, brightness, is_gray
from training.pictures import decode_picture

FRAME = np.random.default_rng(3).integers(0, 256, (300, 300), dtype=np.uint8)


@pytest.mark.parametrize("window", [None, (40, 60, 120, 80)])
def test_a_gray_camera_and_its_pictures_file_give_the_same_figures(window):
    """A file is decoded to three channels, a camera may give one: not a bit of difference."""
    decoded = decode_picture(cv2.imencode(".png", FRAME)[1].tobytes())
    assert decoded.shape == (300, 300, 3)
    on_the_line = FrameQuality(Quality(), window).measure(FRAME)
    assert brightness(decoded) == on_the_line.mean
    assert Sharpness(window).of(decoded) == on_the_line.sharpness


def test_sharpness_is_that_of_the_region():
    """What lies outside counts for nothing."""
    other = FRAME.copy()
    other[:50] = 0
    window = (20, 100, 200, 150)
    assert Sharpness(window).of(other) == Sharpness(window).of(FRAME)
    assert Sharpness().of(other) != Sharpness().of(FRAME)


def test_colour_is_told_from_gray_in_three_channels():
    """A gray picture of a colour camera is gray, whatever its alpha."""
    three = np.repeat(FRAME[..., None], 3, axis=2)
    assert is_gray(FRAME)
    assert is_gray(FRAME[..., None])
    assert is_gray(three)
    assert is_gray(np.dstack([three, 255 - FRAME]))
    three[::8, ::8, 2] ^= 1
    assert not is_gray(three)
