"""Driver name -> import string; a driver's library is loaded only when it is chosen."""

from __future__ import annotations

import importlib
from typing import Any, cast

from agent import config, config_camera, config_gate
from agent.clock import Clock
from agent.ports import Camera, Engine, Gate

CAMERAS = {
    "replay": "agent.cameras.replay:ReplayCamera",
    "sim": "agent.cameras.sim:SimCamera",
}
ENGINES = {
    "litert": "agent.engines.litert:LitertEngine",
}
GATES = {
    "controller": "agent.gates.controller:ControllerGate",
    "sim": "agent.gates.sim:SimGate",
}


def open_camera(section: config_camera.CameraSection, belt: config.Belt, clock: Clock) -> Camera:
    """Return the configured camera, not yet open."""
    return cast("Camera", _load(CAMERAS[section.driver])(section, belt, clock))


def open_engine(driver: str, model: bytes, threads: int) -> Engine:
    """Return an engine with the model loaded. Raises EngineError."""
    return cast("Engine", _load(ENGINES[driver])(model, threads))


def open_gate(
    section: config_gate.GateSection, timing: config.Timing, belt: config.Belt, clock: Clock
) -> Gate:
    """Return the configured gate, not yet open."""
    driver = _load(GATES[section.driver])
    if isinstance(section, config_gate.SimGate):
        return cast("Gate", driver(section, timing, belt, clock))
    return cast("Gate", driver(section, timing, clock))


def _load(place: str) -> Any:
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)
