"""Whether the plant's broker can be reached and lets us in."""

from __future__ import annotations

import queue
import secrets
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent.broker.tls import clock_advice, tls_context
from agent.config.document import Mqtt
from agent.doctor.finding import Finding, ok, warning
from agent.errors import BrokerError

PATIENCE_S = 5.0
_LOOK = "look at [mqtt], the network cable and the firewall"


def check_broker(section: Mqtt, *, clock_known: bool) -> Finding:
    """Log in as somebody else than the agent, which is not disturbed, and leave again.

    Without a broker the line judges all the same: nothing here is a fault.
    """
    if not section.host:
        return ok("broker", "none is configured: results stay in the ledger")
    name = f"{section.host}:{section.port}"
    try:
        answer = _login(section)
    except (BrokerError, OSError, ValueError) as error:
        advice = clock_advice(str(error), known=clock_known)
        return warning("broker", f"{name} cannot be reached: {error}{advice}", _LOOK)
    if answer is None:
        return warning("broker", f"{name} does not answer within {PATIENCE_S:g} s", _LOOK)
    if answer:
        following = "check mqtt.username and mqtt.password_file"
        return warning("broker", f"{name} refused us: {answer}", following)
    return ok("broker", f"{name} lets us in")


def _login(section: Mqtt) -> str | None:
    """Return why the broker refused us, "" where it did not, None where it says nothing.

    Raises BrokerError, OSError, ValueError.
    """
    answers: queue.SimpleQueue[str] = queue.SimpleQueue()
    client = _client(section)

    def connected(_client: Any, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        answers.put(str(code) if code.is_failure else "")

    client.on_connect = connected
    client.connect_timeout = PATIENCE_S
    client.connect(section.host, section.port, section.keepalive_s)
    client.loop_start()
    try:
        return answers.get(timeout=PATIENCE_S)
    except queue.Empty:
        return None
    finally:
        client.disconnect()
        client.loop_stop()


def _client(section: Mqtt) -> mqtt.Client:
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        f"linewarden-doctor-{secrets.token_hex(4)}",
        protocol=mqtt.MQTTv5 if section.version == "5" else mqtt.MQTTv311,
        reconnect_on_failure=False,
    )
    password = _password(section.password_file)
    if section.username or password is not None:
        client.username_pw_set(section.username or None, password)
    if section.ca_file:
        client.tls_set_context(tls_context(section))
    return client


def _password(path: str) -> str | None:
    if not path:
        return None
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokerError(f"mqtt.password_file {path} cannot be read: {error}") from error
