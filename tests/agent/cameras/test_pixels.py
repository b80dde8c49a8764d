"""Camera bytes become pixels, or nothing when they are not whole."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from camera_stand_ins import jpeg

from agent.cameras.pixels import Layout, decode

SCENE = cv2.GaussianBlur(
    np.random.default_rng(5).integers(0, 256, (48, 64, 3)).astype(np.uint8), (9, 9), 0
)
GRAY = cv2.cvtColor(SCENE, cv2.COLOR_BGR2GRAY)


def _bytes(pixels):
    planes = cv2.cvtColor(SCENE, cv2.COLOR_BGR2YUV_I420)
    luma, chroma = planes[:48], planes[48:].reshape(2, -1)
    ways = {
        "gray": GRAY.tobytes(),
        "bgr": SCENE.tobytes(),
        "rgb": cv2.cvtColor(SCENE, cv2.COLOR_BGR2RGB).tobytes(),
        "i420": planes.tobytes(),
        "nv12": luma.tobytes() + np.stack(tuple(chroma), -1).tobytes(),
        "yuyv": cv2.cvtColor(SCENE, cv2.COLOR_BGR2YUV_YUYV).tobytes(),
        "mjpeg": cv2.imencode(".jpg", SCENE, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes(),
    }
    return ways[pixels]


@pytest.mark.parametrize("pixels", ["gray", "bgr", "rgb", "i420", "nv12", "yuyv", "mjpeg"])
def test_every_order_of_pixels_gives_the_scene(pixels):
    """Gray and colour come out as the scene, within what the order itself costs."""
    layout = Layout(pixels, 64, 48)
    data = _bytes(pixels)
    gray = decode(data, layout, "gray").astype(int)
    if pixels in ("i420", "nv12", "yuyv"):  # video range: 16..235
        gray = (gray - 16) * 255 / 219
    assert np.abs(gray - GRAY).mean() < 3
    colour = decode(data, layout, "bgr").astype(int)
    wanted = np.repeat(GRAY[..., None], 3, 2) if pixels == "gray" else SCENE
    assert np.abs(colour - wanted).mean() < 12


@pytest.mark.parametrize("pixels", ["gray", "bgr", "rgb", "i420", "nv12", "yuyv"])
def test_raw_bytes_too_few_or_too_many_are_no_frame(pixels):
    """A byte too few or too many is a damaged frame."""
    layout = Layout(pixels, 64, 48)
    data = _bytes(pixels)
    assert len(data) == layout.frame_bytes
    assert decode(data[:-1], layout, "gray") is None
    assert decode(data + b"x", layout, "bgr") is None


def test_a_cut_picture_is_no_frame():
    """Decoders fill the rest with gray; here it counts as damaged, wherever it was cut."""
    whole = jpeg(7)
    layout = Layout("mjpeg", 64, 48)
    assert decode(whole + bytes(100), layout, "gray") is not None
    for length in range(0, len(whole) - 1, 7):
        assert decode(whole[:length], layout, "gray") is None


def test_a_picture_that_cannot_be_decoded_is_no_frame():
    """Start and end marks alone do not make a picture."""
    assert decode(b"\xff\xd8" + bytes(50) + b"\xff\xd9", Layout("mjpeg", 64, 48), "bgr") is None
