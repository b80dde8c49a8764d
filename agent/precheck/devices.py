"""Whether a name stands for a serial port or a camera: by the kernel's numbers, opening nothing.

To open a port moves DTR, and that restarts some controllers and switches some gates.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

SYS = Path("/sys")
_VIDEO_MAJOR = 81
_PTY_MAJORS = range(136, 144)
_CONSOLE_MAJOR, _TERMINAL_MAJOR, _FIRST_SERIAL_MINOR = 4, 5, 64


def port_fault(port: str, sys: Path = SYS) -> str:
    """Return why a name is no serial port of ours to use; empty where it is one."""
    try:
        status = Path(port).stat()
    except OSError as error:
        return f"{port}: {error.strerror}; look into /dev/serial/by-id"
    if not stat.S_ISCHR(status.st_mode) or not may_be_serial(status.st_rdev, sys):
        return f"{port} is no serial port; look into /dev/serial/by-id"
    if not os.access(port, os.R_OK | os.W_OK):
        return f"no permission for {port}; add the user to the group dialout"
    return ""


def video_fault(device: str) -> str:
    """Return why a name is no camera; empty where it is one."""
    try:
        status = Path(device).stat()
    except OSError:
        return f"there is no {device}; look into /dev/v4l/by-id"
    if not stat.S_ISCHR(status.st_mode) or not is_video(status.st_rdev):
        return f"{device} is no camera; look into /dev/v4l/by-id"
    return ""


def same_device(one: str, other: str) -> bool:
    """Whether two names stand for one device, over links and over nodes of the same number."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        first, second = Path(one).stat(), Path(other).stat()
    except OSError:
        return False
    devices = stat.S_ISCHR(first.st_mode) and stat.S_ISCHR(second.st_mode)
    return devices and first.st_rdev == second.st_rdev


def may_be_serial(number: int, sys: Path = SYS) -> bool:
    """Whether the kernel knows the number as a terminal that is no console, or does not know it.

    A number that it does not know is left to the one who opens the port.
    """
    major, minor = os.major(number), os.minor(number)
    if major in _PTY_MAJORS:
        return True
    if major == _TERMINAL_MAJOR or (major == _CONSOLE_MAJOR and minor < _FIRST_SERIAL_MINOR):
        return False
    kind = sys / "dev" / "char" / f"{major}:{minor}" / "subsystem"
    return not kind.exists() or kind.resolve().name == "tty"


def is_video(number: int) -> bool:
    """Whether a character device of this number is a camera's."""
    return os.major(number) == _VIDEO_MAJOR
