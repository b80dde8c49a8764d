"""A certificate authority of our own, for tests of TLS."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = dt.datetime.now(dt.timezone.utc)
DAY = dt.timedelta(days=1)


class Authority:
    """Signs certificates for brokers and clients; `path` is its own."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        constraint = x509.BasicConstraints(ca=True, path_length=None)
        builder = self._builder(self._name, self._key, NOW - 9 * DAY, NOW + DAY)
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self._signed(builder.add_extension(constraint, critical=True)))

    def server(self, address: str, since: dt.datetime, until: dt.datetime) -> tuple[Path, Path]:
        """Return certificate and key of a broker at an address."""
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        return self._pair("server", "broker", since, until, names)

    def client(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key of somebody with this name."""
        return self._pair(name, name, NOW - DAY, NOW + DAY, None)

    def _pair(
        self,
        file: str,
        name: str,
        since: dt.datetime,
        until: dt.datetime,
        names: x509.SubjectAlternativeName | None,
    ) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_named(name), key, since, until)
        if names is not None:
            builder = builder.add_extension(names, critical=False)
        paths = self._folder / f"{file}.pem", self._folder / f"{file}.key"
        paths[0].write_bytes(self._signed(builder))
        paths[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.TraditionalOpenSSL,
                serialization.NoEncryption(),
            )
        )
        return paths

    def _builder(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        since: dt.datetime,
        until: dt.datetime,
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
        )

    def _signed(self, builder: x509.CertificateBuilder) -> bytes:
        certificate = builder.sign(self._key, hashes.SHA256())
        return certificate.public_bytes(serialization.Encoding.PEM)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
