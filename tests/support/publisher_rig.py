"""What a publisher is made from in tests: topics, status messages and configuration."""

from __future__ import annotations

from agent.broker.publisher import MqttPublisher
from agent.config.document import Mqtt, Station
from agent.plant.messages import Topics

TOPICS = Topics(Station())
ONLINE = b'{"status":"online"}'
OFFLINE = b'{"status":"offline","reason":"stopped"}'
LOST = b'{"status":"offline","reason":"lost"}'


def section(port: int, **options: object) -> Mqtt:
    """Return the configuration for a broker of this machine, with a short keepalive."""
    return Mqtt(host="127.0.0.1", port=port, keepalive_s=2, **options)


def send(publisher: MqttPublisher, token: int) -> bool:
    """Hand over a small result."""
    return publisher.publish(TOPICS.result, b'{"seq":%d}' % token, token=token)
