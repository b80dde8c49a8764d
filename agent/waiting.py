"""Tells the plant over MQTT that the agent cannot start, and why."""

from __future__ import annotations

import logging
import secrets
from importlib.metadata import version
from typing import TYPE_CHECKING

from agent.clock import Clock
from agent.config.document import Config, Mqtt, Station
from agent.errors import BrokerError

if TYPE_CHECKING:
    from agent.broker.publisher import MqttPublisher
    from agent.plant.bodies import StatusReason

logger = logging.getLogger("linewarden.waiting")


class WaitingPlant:
    """One connection to the plant's broker for as long as the agent cannot start.

    It publishes nothing but `status`, retained: `waiting`, with what keeps the agent from starting.
    A broker that is away, refuses or is configured wrongly is logged once and costs no more.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_wall_ns = clock.wall_ns()
        self._session = secrets.token_hex(8)
        self._place: tuple[Station, Mqtt] | None = None
        self._publisher: MqttPublisher | None = None
        self._told = self._fault = ""

    def tell(self, config: Config | None, why: str) -> None:
        """Say why, where there is a broker to say it to; keeps the connection alive."""
        place = self._place  # a file that was spoilt meanwhile: told to whoever was told before
        if config is not None:
            place = (config.station, config.mqtt)
        if place != self._place:
            self.close(stopped=True)
        if place is None or not place[1].host:
            return
        try:
            self._say(*place, why)
        except (BrokerError, OSError) as error:
            self._log(str(error))

    def close(self, *, stopped: bool) -> None:
        """Leave `offline` if the agent was stopped; a start says `online` by its own connection."""
        publisher, self._publisher, self._place = self._publisher, None, None
        if publisher is not None:
            publisher.stop(goodbye=stopped)

    def _say(self, station: Station, mqtt: Mqtt, why: str) -> None:
        publisher = self._publisher
        if publisher is None:
            self._publisher, self._place = self._connect(station, mqtt, why), (station, mqtt)
        elif why != self._told:
            publisher.announce(self._status(station, "cannot_start", why))
        else:
            publisher.confirmed()  # takes in what the broker says; connects again when it is due
            self._log(publisher.fault)
        self._told = why

    def _connect(self, station: Station, mqtt: Mqtt, why: str) -> MqttPublisher:
        # Loaded only now: an agent without a configuration needs no broker either.
        from agent.broker.publisher import MqttPublisher
        from agent.plant.messages import Topics

        publisher = MqttPublisher(
            mqtt,
            Topics(station).status,
            f"linewarden-{station.device}",
            online=self._status(station, "cannot_start", why),
            offline=self._status(station, "stopped"),
            lost=self._status(station, "lost"),
            clock=self._clock,
        )
        publisher.start()
        return publisher

    def _status(self, station: Station, reason: StatusReason, why: str = "") -> bytes:
        from agent.plant.messages import status_message

        return status_message(
            reason,
            device=station.device,
            session=self._session,
            version=version("linewarden"),
            since_wall_ns=self._since_wall_ns,
            why=why,
        )

    def _log(self, fault: str) -> None:
        if fault and fault != self._fault:
            logger.warning("the plant is not told: %s", fault)
        self._fault = fault
