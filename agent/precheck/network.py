"""Whether broker and metrics can be as they are configured; nobody is connected to."""

from __future__ import annotations

import importlib.util
import os
import socket
from ipaddress import ip_address

from agent.broker.tls import tls_context
from agent.config.document import Mqtt
from agent.config.metrics import Metrics
from agent.errors import BrokerError

_PLAIN_PORT, _TLS_PORT = 1883, 8883
_FIRST_FREE_PORT = 1024


def broker_faults(mqtt: Mqtt) -> list[str]:
    """Return which files cannot be read, or else cannot be used for TLS."""
    files = {name: getattr(mqtt, name) for name in ("password_file", "ca_file", "cert_file")}
    files["key_file"] = mqtt.key_file
    faults = [
        f"mqtt.{name}: {path} cannot be read"
        for name, path in files.items()
        if path and not os.access(path, os.R_OK)
    ]
    if faults or not mqtt.ca_file:
        return faults
    try:
        tls_context(mqtt)
    except BrokerError as error:
        return [str(error)]
    return []


def broker_notes(mqtt: Mqtt) -> list[str]:
    """Return what may be meant so on a network that is trusted, and is a mistake elsewhere."""
    if not mqtt.host:
        asked = [name for name in ("username", "password_file", "ca_file") if getattr(mqtt, name)]
        why = "mqtt.host is empty: results stay in the ledger, and nobody logs in"
        return [f"{why} with mqtt.{asked[0]}"] if asked else []
    notes = []
    if mqtt.password_file and not mqtt.ca_file and not _is_here(mqtt.host):
        notes.append(
            "mqtt.password_file without mqtt.ca_file: the password goes over the network in the "
            "clear"
        )
    if mqtt.port == _TLS_PORT and not mqtt.ca_file:
        notes.append(
            f"mqtt.port {_TLS_PORT} is that of TLS, and without mqtt.ca_file there is none"
        )
    if mqtt.port == _PLAIN_PORT and mqtt.ca_file:
        notes.append(
            f"mqtt.port {_PLAIN_PORT} is usually plain, and with mqtt.ca_file we speak TLS: "
            f"{_TLS_PORT} may be meant"
        )
    return notes


def metrics_faults(metrics: Metrics, *, running: bool) -> list[str]:
    """Return why nobody could read the metrics; of a `running` agent the port is its own."""
    if not metrics.port:
        return []
    if importlib.util.find_spec("prometheus_client") is None:
        return ["metrics.port: prometheus-client is missing: pip install prometheus-client"]
    if running:
        return []
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((metrics.address, metrics.port))
            server.listen()
        except OSError as error:
            return [
                f"metrics.port {metrics.port} on {metrics.address} cannot be opened: "
                f"{error.strerror or error}; take another"
            ]
    return []


def metrics_notes(metrics: Metrics) -> list[str]:
    """Return what root may do and the service may not."""
    if not 0 < metrics.port < _FIRST_FREE_PORT:
        return []
    return [f"metrics.port {metrics.port}: the service may open none below {_FIRST_FREE_PORT}"]


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
