"""Finds cameras and serial ports by names that stay when a cable is pulled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEV = Path("/dev")
# The first folder that has a device's name gives it: ours, then udev's own, then the bare number.
_CAMERAS = ("v4l/by-id/*-video-index0", "v4l/by-path/*-video-index0", "video[0-9]*")
_PORTS = (
    "serial/by-id/*",
    "serial/by-path/*",
    "ttyACM[0-9]*",
    "ttyUSB[0-9]*",
    "ttyAMA[0-9]*",
    "ttyTHS[0-9]*",
    "serial[0-9]",
)


@dataclass(frozen=True, slots=True)
class Found:
    """A device, and the name to write into the configuration."""

    path: str
    node: str  # what the name stands for just now, as /dev/ttyACM0

    @property
    def stable(self) -> bool:
        """Whether the name stays when the cable is pulled."""
        return self.path != self.node


def find_cameras(dev: Path = DEV) -> tuple[Found, ...]:
    """Return every camera once, under its most lasting name."""
    return _find(dev, _CAMERAS)


def find_ports(dev: Path = DEV) -> tuple[Found, ...]:
    """Return every serial port that a gate could be on, under its most lasting name."""
    return _find(dev, _PORTS)


def _find(dev: Path, patterns: tuple[str, ...]) -> tuple[Found, ...]:
    found: dict[Path, Found] = {}
    for pattern in patterns:
        for path in sorted(dev.glob(pattern)):
            node = path.resolve()
            if node.exists():
                found.setdefault(node, Found(str(path), str(node)))
    return tuple(found.values())
