"""What would keep a valid configuration from running is said before the line starts."""

import os
import pty

import pytest
from bundles import write_scripted

from agent.config.document import parse_config
from agent.precheck.devices import may_be_serial
from agent.precheck.faults import find_faults


def config(tmp_path, **changes):
    """Return a configuration that is fine but for the changes."""
    values = {
        "camera": '[camera]\ndriver = "replay"\nfolder = "pictures"\n',
        "model": '[model]\nbundle = "m.lwb"\n',
        "gate": '[gate]\ndriver = "sim"\n',
        "ledger": '[ledger]\nfolder = "state"\n',
        "mqtt": "",
    }
    pictures = tmp_path / "pictures"
    pictures.mkdir(exist_ok=True)
    (pictures / "part.png").touch()
    (tmp_path / "empty").mkdir(exist_ok=True)
    write_scripted(tmp_path / "m.lwb")
    return parse_config("".join((values | changes).values()), folder=tmp_path)


def test_a_configuration_that_can_run_has_no_faults(tmp_path):
    """Nothing is said where nothing is wrong."""
    assert find_faults(config(tmp_path)) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"camera": '[camera]\ndriver = "replay"\nfolder = "no"\n'}, "camera.folder"),
        ({"camera": '[camera]\ndriver = "replay"\nfolder = "empty"\n'}, "holds no picture"),
        ({"model": '[model]\nbundle = "none.lwb"\n'}, "model.bundle"),
        ({"model": '[model]\nbundle = "m.lwb"\ntrust = "none"\n'}, "trust folder"),
        ({"model": '[model]\nbundle = "m.lwb"\ntrust = "pictures"\n'}, "is not signed"),
        ({"model": '[model]\nslots = "none"\n'}, "linewarden flash FILE"),
        ({"ledger": '[ledger]\nfolder = "m.lwb/x"\n'}, "ledger.folder"),
        ({"ledger": '[ledger]\nfolder = "/proc/x"\n'}, "ledger.folder"),
        ({"gate": '[gate]\ndriver = "controller"\nport = "/dev/none"\n'}, "by-id"),
        ({"gate": '[gate]\ndriver = "controller"\nport = "/etc/passwd"\n'}, "no serial port"),
        ({"mqtt": '[mqtt]\npassword_file = "none"\n'}, "mqtt.password_file"),
        ({"camera": '[camera]\ndriver = "sim"\n'}, "300x300"),
    ],
)
def test_each_fault_is_one_sentence_with_its_key(tmp_path, changes, says):
    """Folder, bundle, ledger, port and secrets are looked at."""
    faults = find_faults(config(tmp_path, **changes))
    assert len(faults) == 1, faults
    assert says in faults[0]
    assert "\n" not in faults[0]


def test_a_gate_that_fails_open_is_said_to(tmp_path):
    """energise_to_reject lets parts through without power: that is a fault until accepted."""
    master, slave = pty.openpty()
    try:
        port = os.ttyname(slave)
        gate = f'[gate]\ndriver = "controller"\nport = "{port}"\nwiring = "energise_to_reject"\n'
        (fault,) = find_faults(config(tmp_path, gate=gate))
    finally:
        os.close(master)
        os.close(slave)
    assert "lets parts through" in fault


CAMERA = (
    '[camera]\ndriver = "v4l2"\nwidth = 64\nheight = 64\nframe_rate = 120\nexposure_us = 300\n'
    "device = "
)


@pytest.mark.parametrize("port", ["/dev/null", "/dev/tty"])
def test_a_character_device_that_is_no_serial_port_is_refused(tmp_path, port):
    """The kernel's number says what a device is, without opening it."""
    gate = f'[gate]\ndriver = "controller"\nport = "{port}"\n'
    (fault,) = find_faults(config(tmp_path, gate=gate))
    assert fault.startswith(f"gate.port: {port} is no serial port")


@pytest.mark.parametrize("device", ["/dev/null", "/etc/passwd"])
def test_a_camera_that_is_no_video_device_is_refused(tmp_path, device):
    """Only what the kernel calls a video device can be a camera."""
    (fault,) = find_faults(config(tmp_path, camera=f'{CAMERA}"{device}"\n'))
    assert fault.startswith(f"camera.device: {device} is no camera")


@pytest.mark.parametrize(
    ("major", "minor", "serial"),
    [(4, 64, True), (166, 0, True), (136, 3, True), (4, 1, False), (5, 0, False), (99, 9, True)],
)
def test_consoles_are_no_serial_ports(tmp_path, major, minor, serial):
    """A USB or on-board port is one, a screen's console is none; what is unknown may be one."""
    (tmp_path / "class" / "tty").mkdir(parents=True)
    for number in ("4:64", "166:0", "4:1", "5:0"):
        entry = tmp_path / "dev" / "char" / number
        entry.mkdir(parents=True)
        (entry / "subsystem").symlink_to(tmp_path / "class" / "tty")
    assert may_be_serial(os.makedev(major, minor), tmp_path) is serial


def test_camera_and_gate_on_one_device_are_found(tmp_path):
    """Also over a link; and that the one device is no camera is said as well."""
    master, slave = pty.openpty()
    try:
        port = os.ttyname(slave)
        (tmp_path / "link").symlink_to(port)
        gate = f'[gate]\ndriver = "controller"\nport = "{port}"\n'
        faults = find_faults(config(tmp_path, camera=f'{CAMERA}"{tmp_path}/link"\n', gate=gate))
    finally:
        os.close(master)
        os.close(slave)
    assert any("are one device" in fault for fault in faults), faults
    assert any("link is no camera" in fault for fault in faults), faults
