"""Networks built once, and drawn pictures of their input size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bundle.manifest import InputSpec


def spec_of(size: int, channels: int = 1) -> InputSpec:
    """Return an input of that size, gray for one channel."""
    colour = "gray" if channels == 1 else "rgb"
    return InputSpec(
        height=size, width=size, channels=channels, colour=colour, frame_height=80, frame_width=80
    )


@pytest.fixture
def make_spec():
    """Return what makes an input of a size and a number of channels."""
    return spec_of


@pytest.fixture(scope="session")
def built():
    """Return what builds a network for 64 pixels and two labels; the same one each time."""
    pytest.importorskip("keras", reason="needs Keras: pip install 'linewarden[train]'")
    from training.networks.catalogue import build_network

    kept = {}

    def build(name, channels=1):
        if (name, channels) not in kept:
            kept[name, channels] = build_network(name, spec_of(64, channels), 2)
        return kept[name, channels]

    return build


@pytest.fixture(scope="session")
def drawn():
    """Return 16 gray pictures of light discs and their one-hot labels; the bad have a hole."""
    random = np.random.default_rng(0)
    pictures = random.integers(0, 60, (16, 64, 64, 1), np.uint8)
    for number, picture in enumerate(pictures):
        cv2.circle(picture, (32, 32), 26, 220, thickness=-1)
        if number % 2:
            x, y = (int(value) for value in random.integers(24, 40, 2))
            cv2.circle(picture, (x, y), 8, 5, thickness=-1)
    return pictures, np.eye(2, dtype=np.float32)[np.arange(16) % 2]
