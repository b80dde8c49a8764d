"""Fixtures of the broker's tests: publishers that are stopped, and waiting for their connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from publisher_rig import LOST, OFFLINE, ONLINE, TOPICS, section

from agent.broker.publisher import MqttPublisher
from agent.clock import ManualClock


@pytest.fixture
def connect() -> Iterator[Callable[..., MqttPublisher]]:
    """Return a maker of started publishers, stopped afterwards."""
    made: list[MqttPublisher] = []

    def make(port: int, *, clock: ManualClock | None = None, **options: object) -> MqttPublisher:
        publisher = MqttPublisher(
            section(port, **options), TOPICS.status, "device-1", ONLINE, OFFLINE, LOST, clock
        )
        made.append(publisher)
        publisher.start()
        return publisher

    yield make
    for publisher in made:
        publisher.stop()
    assert not [thread for thread in threading.enumerate() if "device-1" in thread.name]


@pytest.fixture
def arrive(wait_until: Callable[..., None]) -> Callable[..., None]:
    """Return a function that waits until a publisher is (or is not) connected."""

    def wait(publisher: MqttPublisher, *, connected: bool = True) -> None:
        def there() -> bool:
            publisher.publish(TOPICS.state, b"{}", token=None)  # whoever uses it keeps it alive
            return publisher.connected is connected

        wait_until(there)

    return wait
