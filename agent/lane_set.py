"""The lanes of one agent, by name and in order."""

from __future__ import annotations

from dataclasses import dataclass

from agent.lanes.capture import CaptureLane
from agent.lanes.gate import GateLane
from agent.lanes.inspection import InspectionLane
from agent.lanes.lane import Lane
from agent.lanes.recorder import RecorderLane
from agent.lanes.telemetry import TelemetryLane


@dataclass(slots=True)
class Lanes:
    """The lanes, in the order of a part's way."""

    capture: CaptureLane
    inspection: InspectionLane
    gate: GateLane
    recorder: RecorderLane
    telemetry: TelemetryLane

    def in_order(self) -> list[Lane]:
        """Return whoever hands over before who receives."""
        return [self.capture, self.inspection, self.gate, self.recorder, self.telemetry]
