"""TLS to the broker: a good certificate is accepted, everything else is refused by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from certificates import DAY, NOW, Authority

from agent.broker.publisher import MqttPublisher
from agent.clock import SystemClock
from agent.config.document import Mqtt, Station
from agent.errors import BrokerError
from agent.plant.messages import Topics

EXAMPLES = Path(__file__).parents[3] / "examples" / "mosquitto"


class Unsure(SystemClock):
    """The clock of a board without a battery, before the time service has been heard."""

    def wall_ok(self) -> bool:
        """It is not known to be right."""
        return False


@pytest.fixture
def connect(wait_until: Callable) -> Iterator[Callable[..., MqttPublisher]]:
    """Return a maker of publishers which have been let in or have a fault; stopped afterwards."""
    made: list[MqttPublisher] = []

    def make(section: Mqtt, cell: str = "cell", clock: SystemClock | None = None) -> MqttPublisher:
        topics = Topics(Station(cell=cell))
        publisher = MqttPublisher(section, topics.status, cell, b"{}", b"{}", clock=clock)
        made.append(publisher)
        publisher.start()
        wait_until(lambda: not publisher.confirmed() and (publisher.connected or publisher.fault))
        return publisher

    yield make
    for publisher in made:
        publisher.stop()


def tls_settings(certificate: Path, key: Path) -> str:
    """Return mosquitto's settings for one certificate."""
    return f"certfile {certificate}\nkeyfile {key}\n"


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.broker
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("good", ""),
        ("unknown", "certificate verify failed"),
        ("expired", "certificate has expired"),
        ("early", "certificate is not yet valid"),
        ("name", "IP address mismatch"),
        ("plain", "cannot reach the broker"),
    ],
)
def test_only_a_broker_that_proves_its_name_is_spoken_to(
    make_mosquitto: Callable, connect: Callable, tmp_path: Path, case: str, words: str
) -> None:
    """There is no way around the check and no falling back to plain text."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    signer = other if case == "unknown" else ours
    address = "127.0.0.9" if case == "name" else "127.0.0.1"
    since = NOW + DAY / 2 if case == "early" else NOW - 2 * DAY
    until = NOW - DAY if case == "expired" else NOW + DAY
    pair = signer.server(address, since, until)
    broker = make_mosquitto("" if case == "plain" else tls_settings(*pair))
    section = Mqtt(host="127.0.0.1", port=broker.port, keepalive_s=2, ca_file=str(ours.path))
    publisher = connect(section)
    assert publisher.connected is (case == "good")
    assert words in publisher.fault
    assert not publisher.connected or publisher._connection.socket().cipher()


@pytest.mark.broker
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("case", ["early", "unknown"])
def test_with_a_clock_that_is_not_set_it_waits_for_the_time_service(
    make_mosquitto: Callable, connect: Callable, tmp_path: Path, case: str
) -> None:
    """The fault says so where the time can be the reason, and the check is never skipped."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    early = ours.server("127.0.0.1", NOW + DAY / 2, NOW + DAY)
    pair = early if case == "early" else other.server("127.0.0.1", NOW - DAY, NOW + DAY)
    broker = make_mosquitto(tls_settings(*pair))
    section = Mqtt(host="127.0.0.1", port=broker.port, ca_file=str(ours.path))
    publisher = connect(section, clock=Unsure())
    assert not publisher.connected
    assert publisher.fault.endswith("(clock)") is (case == "early")


def example_settings(folder: Path, ours: Authority) -> str:
    """Return the example's settings with our files; listener and store are the fixture's."""
    certificate, key = ours.server("127.0.0.1", NOW - DAY, NOW + DAY)
    (folder / "acl").write_text((EXAMPLES / "acl").read_text())
    text = (EXAMPLES / "mosquitto.conf").read_text()
    for name, path in (
        ("/etc/mosquitto/certs/ca.pem", ours.path),
        ("/etc/mosquitto/certs/broker.pem", certificate),
        ("/etc/mosquitto/certs/broker.key", key),
        ("/etc/mosquitto/linewarden.acl", folder / "acl"),
    ):
        assert name in text
        text = text.replace(name, str(path))
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith(("listener", "persistence ")))


def secured(port: int, ours: Authority, name: str) -> Mqtt:
    """Return the configuration of a client with a certificate in this name."""
    certificate, key = map(str, ours.client(name))
    files = {"ca_file": str(ours.path), "cert_file": certificate, "key_file": key}
    return Mqtt(host="127.0.0.1", port=port, keepalive_s=2, **files)


@pytest.fixture
def plant(make_mosquitto: Callable, tmp_path: Path) -> tuple[Authority, int]:
    """Return the authority and the port of a broker with the example's settings."""
    ours = Authority(tmp_path, "ours")
    return ours, make_mosquitto(example_settings(tmp_path, ours)).port


def answer(publisher: MqttPublisher, topic: str, wait_until: Callable) -> str:
    """Publish there; returns `confirmed` or `lost`."""
    heard: list[str] = []

    def sent() -> bool:
        if publisher.publish(topic, b'{"id":"d/e/1"}', token=1):
            return True
        publisher.confirmed()
        return False

    def told() -> bool:
        heard.extend("confirmed" for _ in publisher.confirmed())
        heard.extend("lost" for _ in publisher.lost())
        return bool(heard)

    wait_until(sent)
    wait_until(told)
    return heard[0]


@pytest.mark.broker
def test_a_station_writes_under_its_own_cell_only(
    plant: tuple[Authority, int], connect: Callable, wait_until: Callable
) -> None:
    """The example's broker takes our certificate as our name, and its acl holds us to that."""
    ours, port = plant
    publisher = connect(secured(port, ours, "press-3"), "press-3")
    own, foreign = Topics(Station(cell="press-3")), Topics(Station(cell="press-4"))
    assert publisher.connected, publisher.fault
    assert answer(publisher, own.result, wait_until) == "confirmed"
    assert answer(publisher, foreign.result, wait_until) == "lost"
    assert publisher.fault == f"not authorised: {foreign.result}"


@pytest.mark.broker
def test_the_historian_reads_all_and_writes_nothing(
    plant: tuple[Authority, int], connect: Callable, wait_until: Callable
) -> None:
    """Whoever has only a reader's certificate can neither make up a result nor send a command."""
    ours, port = plant
    station = connect(secured(port, ours, "press-3"), "press-3")
    topics, heard, ready = Topics(Station(cell="press-3")), [], []
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    certificate, key = ours.client("historian")
    client.tls_set(str(ours.path), str(certificate), str(key))
    client.on_connect = lambda client, *_: client.subscribe("linewarden/#", qos=1)
    client.on_subscribe = lambda *_: ready.append(1)
    client.on_message = lambda _client, _data, message: heard.append(message.topic)
    refused: list[bool] = []
    client.on_publish = lambda *news: refused.append(news[3].is_failure)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        wait_until(lambda: ready)
        assert answer(station, topics.result, wait_until) == "confirmed"
        wait_until(lambda: topics.result in heard)
        client.publish(topics.result, b"{}", qos=1)
        client.publish(topics.result.replace("result", "cmd/bypass"), b"{}", qos=1)
        wait_until(lambda: len(refused) == 2)
        assert refused == [True, True]
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.broker
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("case", ["none", "stranger"])
def test_without_a_certificate_of_the_plant_nobody_comes_in(
    plant: tuple[Authority, int], connect: Callable, tmp_path: Path, case: str
) -> None:
    """No certificate, or one that another authority has signed: not connected, and said so."""
    ours, port = plant
    section = Mqtt(host="127.0.0.1", port=port, keepalive_s=2, ca_file=str(ours.path))
    if case == "stranger":
        other = secured(port, Authority(tmp_path, "other"), "press-3")
        section = other.model_copy(update={"ca_file": str(ours.path)})
    publisher = connect(section)
    assert not publisher.connected
    assert "broker" in publisher.fault


def test_a_certificate_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    """Missing, no certificate at all, or with another's key: the configuration's key is named."""
    ours = Authority(tmp_path, "ours")
    (certificate, key), (_, foreign) = ours.client("a"), ours.client("b")
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    for cert_file, key_file, says in (
        (tmp_path / "nowhere", "", "mqtt.cert_file .*nowhere cannot be read"),
        (certificate, tmp_path / "nokey", "mqtt.key_file .*nokey cannot be read"),
        (junk, key, "mqtt.cert_file .*junk.pem cannot be used"),
        (certificate, foreign, "mqtt.cert_file .* cannot be used"),
    ):
        section = Mqtt(
            host="h", ca_file=str(ours.path), cert_file=str(cert_file), key_file=str(key_file)
        )
        with pytest.raises(BrokerError, match=says) as caught:
            MqttPublisher(section, "a/status", "x", b"", b"")
        assert "\n" not in str(caught.value)


def test_a_key_with_a_passphrase_is_refused_and_asks_nobody(tmp_path: Path) -> None:
    """A device starts without anybody at a terminal."""
    from cryptography.hazmat.primitives import serialization

    ours = Authority(tmp_path, "ours")
    certificate, key = ours.client("a")
    secret = serialization.load_pem_private_key(key.read_bytes(), None)
    key.write_bytes(
        secret.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"pass"),
        )
    )
    section = Mqtt(host="h", ca_file=str(ours.path), cert_file=str(certificate), key_file=str(key))
    with pytest.raises(BrokerError, match="without a passphrase"):
        MqttPublisher(section, "a/status", "x", b"", b"")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"cert_file": "c.pem"}, "cert_file goes only with ca_file"),
        ({"ca_file": "a.pem", "key_file": "c.key"}, "key_file goes only with cert_file"),
    ],
)
def test_half_an_identity_is_refused(options: dict[str, str], says: str) -> None:
    """A certificate without TLS, or a key without a certificate, would be silently unused."""
    with pytest.raises(ValueError, match=says):
        Mqtt(host="h", **options)
