"""Whether the camera gives frames, and whether the gate's port is there, ours and free."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.config.camera import V4l2Camera
from agent.config.document import Config
from agent.config.gate import SimGate
from agent.doctor.finding import Finding, fault, ok, warning
from agent.drivers import open_camera
from agent.errors import AgentError
from agent.port_owner import port_owner
from agent.ports import Camera
from agent.precheck.devices import is_video, may_be_serial
from agent.quality.frames import SENTENCES, FrameQuality
from agent.records import Frame

FRAMES = 5
PATIENCE_S = 15.0
_READ_S = 0.2


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of device: `has` tells it by the kernel's number, `place` under /dev lists it."""

    name: str
    has: Callable[[int], bool]
    group: str
    place: str


_CAMERA = _Kind("camera", is_video, "video", "v4l/by-id")
_PORT = _Kind("serial port", may_be_serial, "dialout", "serial/by-id")


def check_camera(config: Config, clock: Clock, *, running: bool) -> Finding:
    """Open the camera and look at a frame; while the agent runs it has the camera itself."""
    section = config.camera
    if isinstance(section, V4l2Camera):
        unable = _device_fault("camera", section.device, _CAMERA)
        if unable is not None:
            return unable
    if running:
        return ok("camera", f"{section.driver}: the agent has it open")
    try:
        camera = open_camera(section, config.belt, clock)
        return _look(config, camera, clock)
    except AgentError as error:
        return fault("camera", str(error), "look at its cable and at [camera], then try again")


def check_gate(config: Config, *, running: bool) -> Finding:
    """Look at the gate's port without opening it: opening alone moves some gates."""
    gate = config.gate
    if isinstance(gate, SimGate):
        return warning("gate", "sim: no real gate moves", "set [gate] to the gate of this line")
    unable = _device_fault("gate", gate.port, _PORT)
    if unable is not None:
        return unable
    owner = port_owner(gate.port)
    if owner and not running:
        return fault("gate", f"{gate.port} is taken{owner}", "stop that program")
    return ok("gate", f"{gate.driver} at {gate.port}" + (": the agent has it" if running else ""))


def _look(config: Config, camera: Camera, clock: Clock) -> Finding:
    """Return how the last of a few frames is. Raises CameraError."""
    try:
        camera.open()
        frame, count = _frames(camera, clock)
    finally:
        camera.close()
    if frame is None:
        return fault(
            "camera",
            f"{count} of {FRAMES} frames within {PATIENCE_S:g} s",
            "look at its cable, then `linewarden camera show`",
        )
    height, width = frame.pixels.shape[:2]
    text = f"{config.camera.driver}: gives {width}x{height}"
    reason = FrameQuality(config.quality).fault(frame.pixels)
    if reason:
        return warning("camera", f"{text}, but {SENTENCES[reason]}", "`linewarden camera show`")
    return ok("camera", text)


def _frames(camera: Camera, clock: Clock) -> tuple[Frame | None, int]:
    """Return the last of a few frames, or None where there were too few, and their number."""
    end_ns, count = clock.now_ns() + round(PATIENCE_S * 1e9), 0
    while clock.now_ns() < end_ns:
        frame = camera.read(_READ_S)
        count += frame is not None
        if frame is not None and count == FRAMES:
            return frame, count
    return None, count


def _device_fault(subject: str, path: str, kind: _Kind) -> Finding | None:
    """Say what keeps us from a device; None where nothing does."""
    listed = f"`ls -l /dev/{kind.place}` shows what is there"
    try:
        status = Path(path).stat()
    except OSError as error:
        text = f"{path}: {error.strerror}"
        return fault(subject, text, f"plug it in, or mend its name: {listed}")
    if not stat.S_ISCHR(status.st_mode) or not kind.has(status.st_rdev):
        return fault(subject, f"{path} is no {kind.name}", f"mend its name: {listed}")
    if not os.access(path, os.R_OK | os.W_OK):
        text = f"no right to open {path}"
        return fault(subject, text, f"`sudo usermod -aG {kind.group} $USER`, then log in again")
    return None
