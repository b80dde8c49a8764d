"""What the agent tells the plant: bodies for results, events, state and status."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from importlib.metadata import version

from agent.clock import Clock
from agent.config.document import Config
from agent.ledger.rows import EventRow, ResultRow
from agent.ledger.store import Ledger
from agent.plant.bodies import State, StatusReason
from agent.plant.messages import (
    Condition,
    Topics,
    event_message,
    result_message,
    state_body,
    state_message,
    status_message,
)
from agent.tally import Tally


class Reporter:
    """Turns rows and counts into messages of one station, and keeps the last state."""

    def __init__(self, config: Config, ledger: Ledger, tally: Tally, clock: Clock) -> None:
        self.topics = Topics(config.station)
        self._device = config.station.device
        self._ledger = ledger
        self._tally = tally
        self._clock = clock
        self._version = version("linewarden")
        self._since_wall_ns = clock.wall_ns()
        self._session = secrets.token_hex(8)
        self._state_every_ns = round(config.mqtt.state_every_s * 1e9)
        self._last: tuple[int, State] | None = None

    def result(self, row: ResultRow) -> bytes:
        """Return the body of one part's result."""
        return result_message(row, self._device, self._ledger.epoch, self._clock.now_ns())

    def event(self, row: EventRow) -> bytes:
        """Return the body of one event."""
        return event_message(row, self._device, self._ledger.epoch, self._clock.now_ns())

    def state(self, condition: Condition) -> bytes:
        """Return the body that says how the line is doing."""
        return state_message(self._build(condition))

    def recent_state(self, condition: Callable[[], Condition]) -> State:
        """Return the last state, or a new one where that is over `state_every_s` old.

        Without a broker nobody else builds one. Any thread may ask.
        """
        last = self._last
        if last is not None and self._clock.now_ns() - last[0] <= self._state_every_ns:
            return last[1]
        return self._build(condition())

    def _build(self, condition: Condition) -> State:
        state = state_body(
            wall_ns=self._clock.wall_ns(),
            since_wall_ns=self._since_wall_ns,
            version=self._version,
            balance=self._ledger.balance(),
            snapshot=self._tally.snapshot(),
            backlog=self._ledger.backlog(),
            condition=condition,
        )
        self._last = (self._clock.now_ns(), state)
        return state

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

    def _status(self, reason: StatusReason) -> bytes:
        return status_message(
            reason,
            device=self._device,
            session=self._session,
            version=self._version,
            since_wall_ns=self._since_wall_ns,
        )
