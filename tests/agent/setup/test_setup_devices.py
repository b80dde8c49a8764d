"""Cameras and ports are found under names that stay."""

from __future__ import annotations

import pytest

from agent.setup.devices import find_cameras, find_ports


@pytest.fixture
def dev(tmp_path):
    """A /dev with a USB camera of two nodes, a Pico, and a port without a lasting name."""
    for node in ("video0", "video1", "ttyACM0", "ttyUSB3"):
        (tmp_path / node).touch()
    for name, node in {
        "v4l/by-id/usb-Cam_1-video-index0": "video0",
        "v4l/by-id/usb-Cam_1-video-index1": "video1",
        "serial/by-id/usb-Pico_E66-if00": "ttyACM0",
        "serial/by-path/pci-0-usb-0:1:1.0": "ttyACM0",
        "serial/by-id/usb-Gone-if00": "ttyACM9",
    }.items():
        link = tmp_path / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(tmp_path / node)
    return tmp_path


def test_a_camera_comes_once_by_its_lasting_name(dev):
    """The node with pictures first; what has no lasting name comes as it is."""
    found = find_cameras(dev)
    assert [one.path for one in found] == [
        str(dev / "v4l/by-id/usb-Cam_1-video-index0"),
        str(dev / "video1"),
    ]
    assert [one.stable for one in found] == [True, False]


def test_a_port_comes_once_and_dead_names_not_at_all(dev):
    """by-id before by-path before the number; a link to nothing is no port."""
    assert [(one.path, one.node) for one in find_ports(dev)] == [
        (str(dev / "serial/by-id/usb-Pico_E66-if00"), str(dev / "ttyACM0")),
        (str(dev / "ttyUSB3"), str(dev / "ttyUSB3")),
    ]


def test_a_computer_without_devices_has_none(tmp_path):
    """Nothing is found, and nothing raised."""
    assert find_cameras(tmp_path) == find_ports(tmp_path) == ()
