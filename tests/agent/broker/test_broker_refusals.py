"""Credentials, topics and files that are refused or missing: named for the technician."""

from __future__ import annotations

from pathlib import Path

import pytest
from publisher_rig import OFFLINE, ONLINE, TOPICS, section, send

from agent.broker.publisher import MqttPublisher
from agent.clock import ManualClock
from agent.config.document import Mqtt
from agent.errors import BrokerError

pytestmark = pytest.mark.broker


def test_wrong_credentials_are_named(make_mosquitto, tmp_path, connect, wait_until) -> None:
    """The technician reads what to check; nothing is handed over."""
    broker = make_mosquitto(
        f"allow_anonymous false\npassword_file {tmp_path}/users\n", started=False
    )
    (tmp_path / "users").write_text("agent:$7$101$AAAA$AAAA\n")
    (tmp_path / "secret").write_text("wrong\n")
    broker.start()
    publisher = connect(broker.port, username="agent", password_file=str(tmp_path / "secret"))
    wait_until(lambda: not publisher.confirmed() and publisher.fault)
    assert "refused us: Not authorized; check mqtt.username" in publisher.fault
    assert not send(publisher, 1)


def test_a_denied_topic_is_not_taken_for_delivered(
    make_mosquitto, tmp_path, connect, arrive, wait_until
) -> None:
    """The broker answers, but with a refusal: the row stays, the topic rests, others go on."""
    (tmp_path / "acl").write_text(f"topic read #\ntopic write {TOPICS.event}\n")
    broker = make_mosquitto(f"acl_file {tmp_path}/acl\n")
    clock = ManualClock()
    publisher = connect(broker.port, clock=clock)
    arrive(publisher)
    wait_until(lambda: send(publisher, 5))
    lost: list[int] = []
    wait_until(lambda: lost.extend(publisher.lost()) or lost)
    assert lost == [5]
    wait_until(lambda: f"not authorised: {TOPICS.result}" in _faults(publisher))
    assert publisher.connected
    assert not send(publisher, 5)
    assert publisher.publish(TOPICS.event, b'{"id":"e"}', token=-1)
    wait_until(lambda: list(publisher.confirmed()) == [-1])
    clock.advance(31_000_000_000)
    assert send(publisher, 5)


def _faults(publisher: MqttPublisher) -> list[str]:
    publisher.confirmed()
    return list(publisher._topic_faults.values())


def test_without_a_host_nothing_is_started(connect) -> None:
    """The fault says why results stay in the ledger."""
    publisher = MqttPublisher(Mqtt(), TOPICS.status, "x", ONLINE, OFFLINE)
    publisher.start()
    assert not publisher.publish(TOPICS.state, b"", token=None)
    assert "mqtt.host is empty" in publisher.fault
    publisher.stop()


@pytest.mark.parametrize("option", ["password_file", "ca_file"])
def test_a_missing_secret_is_one_line(tmp_path: Path, option: str) -> None:
    """The key of the configuration and the file are named."""
    with pytest.raises(BrokerError, match=f"mqtt.{option} .*nowhere") as caught:
        MqttPublisher(
            section(1, **{option: str(tmp_path / "nowhere")}), TOPICS.status, "x", ONLINE, OFFLINE
        )
    assert "\n" not in str(caught.value)
