"""Messages handed over to a real broker: confirmed once, and kept within window and limits."""

from __future__ import annotations

import pytest
from publisher_rig import TOPICS, send

pytestmark = pytest.mark.broker


def test_a_result_is_confirmed_once_the_broker_has_it(
    mosquitto, connect, arrive, subscribe, wait_until
) -> None:
    """Body, content type and schema arrive; the token comes back once."""
    plant = subscribe(mosquitto.port, "linewarden/#")
    publisher = connect(mosquitto.port)
    arrive(publisher)
    assert publisher.fault == ""
    assert send(publisher, 7)
    confirmed: list[int] = []
    wait_until(lambda: confirmed.extend(publisher.confirmed()) or confirmed)
    assert confirmed == [7]
    assert publisher.lost() == []
    wait_until(lambda: any(message.topic == TOPICS.result for message in plant.messages))
    message = next(message for message in plant.messages if message.topic == TOPICS.result)
    assert message.properties.ContentType == "application/json"
    assert message.properties.UserProperty == [("schema", "linewarden/result/1")]
    assert not hasattr(message.properties, "MessageExpiryInterval")


def test_a_result_nobody_subscribes_to_is_confirmed_too(
    mosquitto, connect, arrive, wait_until
) -> None:
    """'No matching subscribers' is a success: the historian may come later."""
    publisher = connect(mosquitto.port)
    arrive(publisher)
    assert send(publisher, 1)
    wait_until(lambda: list(publisher.confirmed()) == [1])


def test_state_is_retained_and_expires(mosquitto, connect, arrive, subscribe, wait_until) -> None:
    """A state older than three periods is none."""
    publisher = connect(mosquitto.port, state_every_s=4.0)
    arrive(publisher)
    assert publisher.publish(TOPICS.state, b'{"a":1}', token=None, retain=True)
    assert send(publisher, 1)
    wait_until(lambda: list(publisher.confirmed()) == [1])  # then the broker has both
    plant = subscribe(mosquitto.port, TOPICS.state)
    wait_until(lambda: plant.messages)
    assert plant.messages[0].retain
    assert 10 <= plant.messages[0].properties.MessageExpiryInterval <= 12


def test_the_window_is_kept(mosquitto, connect, arrive, wait_until) -> None:
    """No more is on its way than allowed; an acknowledgement makes room."""
    publisher = connect(mosquitto.port, window=3)
    arrive(publisher)
    wait_until(lambda: not publisher.confirmed() and send(publisher, 1))
    mosquitto.freeze()
    sent = [token for token in range(2, 10) if send(publisher, token)]
    assert len(sent) <= 3
    mosquitto.thaw()
    confirmed: list[int] = []
    wait_until(lambda: confirmed.extend(publisher.confirmed()) or len(confirmed) == len(sent) + 1)
    assert confirmed == [1, *sent]


def test_the_brokers_own_limit_of_the_window_is_kept(
    make_mosquitto, connect, arrive, wait_until
) -> None:
    """A Receive Maximum of one is obeyed: one result at a time."""
    broker = make_mosquitto("max_inflight_messages 1\n")
    publisher = connect(broker.port)
    arrive(publisher)
    wait_until(lambda: send(publisher, 1))
    broker.freeze()
    assert [send(publisher, token) for token in (2, 3, 4)].count(True) <= 1
    broker.thaw()


def test_a_result_too_large_for_the_broker_is_cut_down(
    make_mosquitto, connect, arrive, subscribe, wait_until
) -> None:
    """What a subscriber needs most arrives; nothing is dropped."""
    broker = make_mosquitto("max_packet_size 360\n")
    plant = subscribe(broker.port, TOPICS.result)
    publisher = connect(broker.port)
    arrive(publisher)
    body = (
        b'{"id":"d/e/1","verdict":"PASS","seq":1,"prev":null,"reason":"none","outcome":"passed",'
        b'"picture":"' + b"x" * 500 + b'"}'
    )
    wait_until(lambda: publisher.publish(TOPICS.result, body, token=1))
    wait_until(lambda: plant.bodies)
    assert plant.bodies[0] == {
        "id": "d/e/1",
        "verdict": "PASS",
        "seq": 1,
        "prev": None,
        "reason": "none",
        "outcome": "passed",
    }
    assert not publisher.publish(TOPICS.event, b'{"id":"' + b"x" * 400 + b'","kind":"k"}', token=2)
    assert "takes packets of 360 bytes at most" in publisher.fault


def test_an_old_broker_is_served_by_mqtt_3(mosquitto, connect, arrive, subscribe, wait_until):
    """Version 3.1.1 has no properties; results and status work all the same."""
    plant = subscribe(mosquitto.port, "linewarden/#")
    publisher = connect(mosquitto.port, version="3.1.1")
    arrive(publisher)
    assert send(publisher, 1)
    wait_until(lambda: list(publisher.confirmed()) == [1])
    wait_until(lambda: {m.topic for m in plant.messages} >= {TOPICS.result, TOPICS.status})
