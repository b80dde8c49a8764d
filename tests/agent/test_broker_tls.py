"""TLS to the broker: a good certificate is accepted, everything else is refused by name."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.broker import MqttPublisher
from agent.config import Mqtt

pytestmark = pytest.mark.broker

NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)


class Authority:
    """A certificate authority of our own, for one test."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, self._key, NOW + DAY).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self._signed(builder))

    def server(self, address: str, until: dt.datetime) -> str:
        """Return mosquitto's settings with a certificate for an address."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker")])
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        builder = self._builder(name, key, until).add_extension(names, critical=False)
        (self._folder / "server.pem").write_bytes(self._signed(builder))
        (self._folder / "server.key").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return f"certfile {self._folder}/server.pem\nkeyfile {self._folder}/server.key\n"

    def _builder(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, until: dt.datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 9 * DAY)
            .not_valid_after(until)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


# paho leaves the socket of a failed handshake to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("good", ""),
        ("unknown", "certificate verify failed"),
        ("expired", "certificate has expired"),
        ("name", "IP address mismatch"),
        ("plain", "cannot reach the broker"),
    ],
)
def test_only_a_broker_that_proves_its_name_is_spoken_to(
    make_mosquitto: Callable, wait_until: Callable, tmp_path: Path, case: str, words: str
) -> None:
    """There is no way around the check and no falling back to plain text."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    signer = other if case == "unknown" else ours
    address = "127.0.0.9" if case == "name" else "127.0.0.1"
    until = NOW - DAY if case == "expired" else NOW + DAY
    settings = "" if case == "plain" else signer.server(address, until)
    broker = make_mosquitto(settings)
    section = Mqtt(host="127.0.0.1", port=broker.port, keepalive_s=2, ca_file=str(ours.path))
    publisher = MqttPublisher(section, "a/status", "tls", b"{}", b"{}")
    publisher.start()
    try:
        wait_until(lambda: not publisher.confirmed() and (publisher.connected or publisher.fault))
        assert publisher.connected is (case == "good")
        assert words in publisher.fault
    finally:
        publisher.stop()
