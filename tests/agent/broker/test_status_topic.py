"""The status topic: online, offline, lost, and what is announced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from publisher_rig import LOST, OFFLINE, ONLINE, TOPICS

from agent.broker.publisher import MqttPublisher

pytestmark = pytest.mark.broker


def test_the_status_says_online_and_offline(
    mosquitto, connect, arrive, subscribe, wait_until
) -> None:
    """Retained online after connecting, retained offline before a stop that is meant."""
    publisher = connect(mosquitto.port)
    arrive(publisher)
    plant = subscribe(mosquitto.port, TOPICS.status)
    wait_until(lambda: [m.payload for m in plant.messages] == [ONLINE])
    early = subscribe(mosquitto.port, TOPICS.status)
    wait_until(lambda: [m.payload for m in early.messages] == [ONLINE])
    assert early.messages[0].retain
    publisher.stop()
    wait_until(lambda: [m.payload for m in plant.messages] == [ONLINE, OFFLINE])
    late = subscribe(mosquitto.port, TOPICS.status)
    wait_until(lambda: [m.payload for m in late.messages] == [OFFLINE])


def test_a_cut_connection_shows_as_lost_only_after_a_while(
    mosquitto, connect, arrive, subscribe, wait_until
) -> None:
    """The will waits five seconds: a blink is no death; without a comeback it says lost."""
    blinker = connect(mosquitto.port)
    arrive(blinker)
    plant = subscribe(mosquitto.port, TOPICS.status)
    wait_until(lambda: plant.messages)
    cut(blinker)
    arrive(blinker, connected=False)
    arrive(blinker)
    wait_until(lambda: [m.payload for m in plant.messages] == [ONLINE, ONLINE])
    blinker._due_ns = None  # it does not come back
    cut(blinker)
    wait_until(lambda: [m.payload for m in plant.messages][2:] == [LOST])


def cut(publisher: MqttPublisher) -> None:
    """Break the TCP connection, as a pulled cable and a timeout would."""
    publisher._connection.socket().shutdown(2)


def test_what_is_announced_stays_over_a_reconnect_and_a_leave_without_good_bye(
    mosquitto: Any,
    subscribe: Any,
    connect: Callable[..., MqttPublisher],
    arrive: Any,
    wait_until: Callable[..., None],
) -> None:
    """The status topic says the newest, and keeps it."""
    publisher = connect(mosquitto.port)
    arrive(publisher)
    publisher.announce(b'{"status":"waiting"}')
    mosquitto.restart()
    arrive(publisher, connected=False)
    arrive(publisher)
    publisher.stop(goodbye=False)
    late = subscribe(mosquitto.port, TOPICS.status)
    wait_until(lambda: late.bodies)
    assert late.bodies == [{"status": "waiting"}]
