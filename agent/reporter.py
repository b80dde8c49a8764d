"""What the agent tells the plant: bodies for results, events, state and status."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from importlib.metadata import version
from typing import Literal

from agent.bodies import ModelState
from agent.clock import Clock
from agent.config import Config
from agent.ledger import EventRow, Ledger, ResultRow
from agent.messages import (
    Topics,
    event_message,
    result_message,
    state_message,
    status_message,
)
from agent.tally import Tally


@dataclass(frozen=True, slots=True)
class Condition:
    """How the machine is at one moment, in words."""

    model: ModelState
    gate: str
    camera: str
    broker: str


class Reporter:
    """Turns rows and counts into messages of one station."""

    def __init__(self, config: Config, ledger: Ledger, tally: Tally, clock: Clock) -> None:
        self.topics = Topics(config.station)
        self._device = config.station.device
        self._ledger = ledger
        self._tally = tally
        self._clock = clock
        self._version = version("linewarden")
        self._since_wall_ns = clock.wall_ns()
        self._session = secrets.token_hex(8)

    def result(self, row: ResultRow) -> bytes:
        """Return the body of one part's result."""
        return result_message(row, self._device, self._ledger.epoch, self._clock.now_ns())

    def event(self, row: EventRow) -> bytes:
        """Return the body of one event."""
        return event_message(row, self._device, self._ledger.epoch, self._clock.now_ns())

    def state(self, condition: Condition) -> bytes:
        """Return the body that says how the line is doing."""
        return state_message(
            wall_ns=self._clock.wall_ns(),
            since_wall_ns=self._since_wall_ns,
            version=self._version,
            balance=self._ledger.balance(),
            snapshot=self._tally.snapshot(),
            backlog=self._ledger.backlog(),
            model=condition.model,
            gate=condition.gate,
            camera=condition.camera,
            broker=condition.broker,
        )

    @property
    def online(self) -> bytes:
        """Return the status while the agent is connected."""
        return self._status("started")

    @property
    def stopped(self) -> bytes:
        """Return the status after a clean stop."""
        return self._status("stopped")

    @property
    def lost(self) -> bytes:
        """Return the last will."""
        return self._status("lost")

    def _status(self, reason: Literal["started", "stopped", "lost"]) -> bytes:
        return status_message(
            reason,
            device=self._device,
            session=self._session,
            version=self._version,
            since_wall_ns=self._since_wall_ns,
        )
