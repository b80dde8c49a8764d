"""The MQTT client against a real broker: order, refusals, kills, stalls and good-byes."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.broker.publisher import MqttPublisher
from agent.clock import ManualClock
from agent.config.document import Mqtt, Station
from agent.errors import BrokerError
from agent.plant.messages import Topics

pytestmark = pytest.mark.broker

TOPICS = Topics(Station())
ONLINE = b'{"status":"online"}'
OFFLINE = b'{"status":"offline","reason":"stopped"}'
LOST = b'{"status":"offline","reason":"lost"}'


def section(port: int, **options: object) -> Mqtt:
    """Return the configuration for a broker of this machine, with a short keepalive."""
    return Mqtt(host="127.0.0.1", port=port, keepalive_s=2, **options)


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


def send(publisher: MqttPublisher, token: int) -> bool:
    """Hand over a small result."""
    return publisher.publish(TOPICS.result, b'{"seq":%d}' % token, token=token)


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


def test_a_killed_broker_costs_repeats_but_no_result(
    mosquitto, connect, subscribe, wait_until
) -> None:
    """Killed six times in a stream: every result arrives, in order but for repeats."""
    plant = subscribe(mosquitto.port, TOPICS.result)
    publisher = connect(mosquitto.port)
    total, kills = 3000, 0
    done: set[int] = set()
    waiting: list[int] = []

    def stream() -> bool:
        nonlocal kills
        done.update(publisher.confirmed())
        lost = set(publisher.lost())
        assert not lost & done
        waiting[:] = [token for token in waiting if token not in done and token not in lost]
        for token in range(1, total + 1):
            if token in done or token in waiting:
                continue
            if not send(publisher, token):
                break
            waiting.append(token)
        if kills < 6 and len(done) > 400 * (kills + 1):
            kills += 1
            # What it acknowledged it has also forwarded, but a dying socket may lose that.
            mosquitto.freeze()
            done.update(publisher.confirmed())
            wait_until(lambda: {body["seq"] for body in plant.bodies} >= done)
            mosquitto.restart()
            wait_until(plant.ready.is_set)
        return len(done) == total

    wait_until(stream, deadline_s=120)
    assert kills == 6
    wait_until(lambda: {body["seq"] for body in plant.bodies} >= done)
    repeats = len(plant.bodies) - total
    assert 0 <= repeats <= kills * 20


def test_a_frozen_broker_is_noticed(mosquitto, connect, arrive, wait_until) -> None:
    """It takes connections and answers nothing: twice the keepalive, then it counts as lost."""
    publisher = connect(mosquitto.port)
    arrive(publisher)
    wait_until(lambda: send(publisher, 1))
    wait_until(lambda: list(publisher.confirmed()) == [1])
    mosquitto.freeze()
    send(publisher, 2)
    arrive(publisher, connected=False)
    assert list(publisher.lost()) == [2]
    assert "lost the broker" in publisher.fault
    mosquitto.thaw()
    arrive(publisher)


def test_stopping_does_not_wait_for_a_frozen_broker(mosquitto, connect, arrive) -> None:
    """Good-bye has a deadline, and paho's thread ends (the fixture looks for it)."""
    publisher = connect(mosquitto.port)
    arrive(publisher)
    mosquitto.freeze()
    publisher.stop()
    publisher.stop()
    assert not publisher.connected


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


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_callback_that_raises_costs_only_the_connection(
    mosquitto, connect, arrive, wait_until, monkeypatch
) -> None:
    """It ends paho's thread, which still calls itself connected; we notice and begin anew."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug in a callback")

    publisher = connect(mosquitto.port)
    arrive(publisher)
    wait_until(lambda: list(publisher.confirmed()) == [] and not publisher._pending)
    first = publisher._connection
    first.on_publish = broken
    assert send(publisher, 3)
    wait_until(lambda: list(publisher.lost()) == [3])
    assert first.over
    arrive(publisher)
    assert publisher._connection is not first
    assert send(publisher, 3)
    wait_until(lambda: list(publisher.confirmed()) == [3])


def test_nothing_is_handed_over_twice_by_the_library(
    mosquitto, connect, arrive, subscribe, wait_until
) -> None:
    """What was on its way at a break is sent again by us alone."""
    publisher = connect(mosquitto.port)
    arrive(publisher)
    plant = subscribe(mosquitto.port, TOPICS.result)
    mosquitto.freeze()
    assert send(publisher, 1)
    mosquitto.kill()
    wait_until(lambda: list(publisher.lost()) == [1])
    mosquitto.start()
    arrive(publisher)
    wait_until(plant.ready.is_set)
    assert send(publisher, 2)
    wait_until(lambda: list(publisher.confirmed()) == [2])
    wait_until(lambda: plant.bodies)
    assert [body["seq"] for body in plant.bodies] == [2]


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


def test_an_old_broker_is_served_by_mqtt_3(mosquitto, connect, arrive, subscribe, wait_until):
    """Version 3.1.1 has no properties; results and status work all the same."""
    plant = subscribe(mosquitto.port, "linewarden/#")
    publisher = connect(mosquitto.port, version="3.1.1")
    arrive(publisher)
    assert send(publisher, 1)
    wait_until(lambda: list(publisher.confirmed()) == [1])
    wait_until(lambda: {m.topic for m in plant.messages} >= {TOPICS.result, TOPICS.status})


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
