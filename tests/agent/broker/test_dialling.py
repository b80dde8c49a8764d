"""Reaching the broker: attempts that pause, give back what they took, and never stop anything."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from publisher_rig import OFFLINE, ONLINE, TOPICS, section, send

from agent.broker.publisher import MqttPublisher
from agent.clock import ManualClock

pytestmark = pytest.mark.broker


def test_a_broker_that_is_not_there_stops_nothing(make_mosquitto, connect, arrive, wait_until):
    """Start returns at once, nothing is queued, and the broker is found when it comes."""
    broker = make_mosquitto(started=False)
    publisher = connect(broker.port)
    assert not publisher.connected
    assert not send(publisher, 1)
    wait_until(lambda: not publisher.confirmed() and publisher.fault)
    assert f"cannot reach the broker 127.0.0.1:{broker.port}" in publisher.fault
    broker.start()
    arrive(publisher)
    assert publisher.fault == ""


def test_pauses_between_attempts_grow(connect) -> None:
    """A broker that is away for a week is not hammered; the longest pause is 15 s or so."""
    clock = ManualClock()
    publisher = MqttPublisher(section(1), TOPICS.status, "x", ONLINE, OFFLINE, clock=clock)
    publisher._due_ns = 0
    pauses = []
    for _ in range(8):
        publisher._wait_before_next()
        pauses.append((publisher._due_ns - clock.now_ns()) / 1e9)
    assert 0.7 < pauses[0] < 1.3
    assert all(11 < pause < 19 for pause in pauses[-2:])
    publisher._refused = True
    publisher._wait_before_next()
    assert (publisher._due_ns - clock.now_ns()) / 1e9 > 5


def open_descriptors() -> int:
    """Return how many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_broker_that_is_away_for_a_week_takes_no_descriptors(wait_until) -> None:
    """Every attempt gives back what it took, at once: the garbage collector may be far away."""
    clock = ManualClock()
    publisher = MqttPublisher(section(1), TOPICS.status, "x", ONLINE, OFFLINE, clock=clock)
    publisher.start()

    def given_up() -> bool:
        publisher.confirmed()
        return publisher._connection is None

    gc.disable()
    try:
        wait_until(given_up)
        before = open_descriptors()
        for _ in range(50):
            clock.advance(60_000_000_000)
            publisher.confirmed()
            wait_until(given_up)
        assert open_descriptors() <= before
    finally:
        gc.enable()
        publisher.stop()


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), RuntimeError("no thread")])
def test_a_connection_that_cannot_begin_is_tried_again(
    mosquitto, connect, arrive, monkeypatch, error
) -> None:
    """Without a descriptor or a thread it says so, and comes back once there are some."""

    def broken(_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("paho.mqtt.client.Client.loop_start", broken)
        publisher = connect(mosquitto.port)
        publisher.confirmed()
        assert f"cannot reach the broker 127.0.0.1:{mosquitto.port}: {error}" in publisher.fault
    arrive(publisher)
    assert publisher.fault == ""


def test_one_that_leaves_while_it_dials_hangs_up_when_it_is_answered(
    connect: Callable[..., MqttPublisher],
    monkeypatch: pytest.MonkeyPatch,
    wait_until: Callable[..., None],
) -> None:
    """Its thread cannot be ended then; it must not stay at the broker under our name."""
    monkeypatch.setattr("agent.broker.connection.CONNECT_TIMEOUT_S", 30.0)
    with socket.socket() as broker:
        broker.settimeout(30)
        broker.bind(("127.0.0.1", 0))
        broker.listen(0)  # full with the first one: a second one dials and dials
        with socket.create_connection(broker.getsockname()), broker:
            publisher = connect(broker.getsockname()[1])
            publisher.stop()
            assert not publisher.connected
            broker.accept()[0].close()
            answered = broker.accept()[0]
            with answered:
                answered.settimeout(30)
                assert answered.recv(1000)[0] == 0x10  # CONNECT
                answered.sendall(b"\x20\x03\x00\x00\x00")  # CONNACK
                assert answered.recv(1000)[0] == 0xE0  # DISCONNECT
                wait_until(
                    lambda: not [one for one in threading.enumerate() if "device-1" in one.name]
                )
