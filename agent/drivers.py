"""Driver name -> import string; a driver's library is loaded only when it is chosen."""

from __future__ import annotations

import importlib
from typing import Any, cast

from agent.clock import Clock
from agent.config.camera import CameraSection, ReplayCamera, SimCamera
from agent.config.document import Belt, Timing
from agent.config.gate import GateSection, RelaySection, SimGate
from agent.config.trigger import TriggerSection
from agent.errors import ConfigError
from agent.ports import BeltStop, Camera, Engine, Gate
from agent.triggers.source import Onlooker, TriggerSource

CAMERAS = {
    "pipe": "agent.cameras.pipe:PipeCamera",
    "replay": "agent.cameras.replay:ReplayCamera",
    "sim": "agent.cameras.sim:SimCamera",
    "v4l2": "agent.cameras.apart:ApartCamera",
}
ENGINES = {
    "litert": "agent.engines.litert:LitertEngine",
}
GATES = {
    "controller": "agent.gates.controller:ControllerGate",
    "sim": "agent.gates.sim:SimGate",
}
RELAYS = {
    "lcus": "agent.gates.lcus:LcusRelay",
    "line": "agent.gates.line:LineRelay",
    "modbus": "agent.gates.modbus:ModbusRelay",
}
TRIGGERS = {
    "command": "agent.triggers.command:CommandTrigger",
    "interval": "agent.triggers.interval:IntervalTrigger",
    "presence": "agent.triggers.presence:PresenceTrigger",
}


def open_camera(section: CameraSection, belt: Belt, clock: Clock) -> Camera:
    """Return the configured camera, not yet open."""
    driver = _load(CAMERAS[section.driver])
    if isinstance(section, (ReplayCamera, SimCamera)):
        return cast("Camera", driver(section, belt, clock))
    return cast("Camera", driver(section, clock))


def open_engine(driver: str, model: bytes, threads: int) -> Engine:
    """Return an engine with the model loaded. Raises EngineError."""
    return cast("Engine", _load(ENGINES[driver])(model, threads))


def open_gate(
    section: GateSection,
    timing: Timing,
    belt: Belt,
    clock: Clock,
    source: TriggerSource | None = None,
) -> Gate:
    """Return the configured gate, not yet open; `source` tells parts to one that sees none.

    Raises ConfigError.
    """
    if isinstance(section, RelaySection):
        return _relay_gate(section, timing, clock, source)
    driver = _load(GATES[section.driver])
    if isinstance(section, SimGate):
        return cast("Gate", driver(section, timing, belt, clock))
    return cast("Gate", driver(section, timing, clock))


def belt_stop(section: GateSection, gate: Gate) -> BeltStop | None:
    """Return the gate as what stops the belt; None where a disagreement is to stop none."""
    return gate if section.stops and isinstance(gate, BeltStop) else None


def open_trigger(section: TriggerSection | None) -> TriggerSource | None:
    """Return the configured trigger source, not yet open; None where the gate has its own."""
    if section is None:
        return None
    return cast("TriggerSource", _load(TRIGGERS[section.driver])(section))


def onlooker(source: TriggerSource | None, gate: Gate) -> Onlooker | None:
    """Return what wants to see every frame, if a trigger does, with the gate to wake for it."""
    if not isinstance(source, Onlooker):
        return None
    source.attach(gate.wake)
    return source


def _relay_gate(
    section: RelaySection,
    timing: Timing,
    clock: Clock,
    source: TriggerSource | None,
) -> Gate:
    """Return a gate that times a relay itself, and hears of parts from a trigger source."""
    if source is None:
        raise ConfigError(f"gate.driver {section.driver} sees no parts: add a section [trigger]")
    pace = _load("agent.gates.bookings:Pace").of(timing, section)
    relay = _load(RELAYS[section.driver])(section)
    return cast("Gate", _load("agent.gates.host_timed:HostTimedGate")(relay, source, pace, clock))


def _load(place: str) -> Any:
    module, name = place.split(":")
    return getattr(importlib.import_module(module), name)
