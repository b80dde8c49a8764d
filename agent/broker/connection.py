"""One life of an MQTT connection: from the first packet to the end of paho's thread.

paho keeps unconfirmed messages and sends them again by itself when it reconnects. We send again
out of the ledger, so a connection that has ended is thrown away together with its messages.
"""

from __future__ import annotations

import queue
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from socket import SHUT_RDWR, socket
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from agent.config.document import Mqtt

WILL_DELAY_S = 5  # a blink is not a death
SESSION_EXPIRY_S = 10  # the will's delay ends with the session, which must outlast it
CONNECT_TIMEOUT_S = 3.0
BAD_CREDENTIALS = frozenset({0x86, 0x87})
NOT_AUTHORISED = 0x87
LARGEST_PACKET = 268_435_455
MOST_IN_FLIGHT = 65_535


@dataclass(frozen=True, slots=True)
class Accepted:
    """The broker has let us in and said what it takes."""

    receive_maximum: int
    maximum_packet: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker did not let us in."""

    text: str
    credentials: bool


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The broker has answered one message; `failure` is its reason for not taking it."""

    mid: int
    failure: str
    not_authorised: bool


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection broke or was closed."""

    text: str


News = Accepted | Refused | Acknowledged | Closed


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are to the broker, and what it says of us when we are gone."""

    client_id: str
    password: str | None
    tls: ssl.SSLContext | None
    will_topic: str
    will_body: bytes


def new_properties(packet: int) -> Properties:
    """Return an empty set of MQTT 5 properties for one kind of packet."""
    return Properties(packet)  # type: ignore[no-untyped-call]


class Connection(mqtt.Client):
    """A paho client that does not reconnect. Its callbacks only put news into a queue.

    An exception in a callback ends paho's thread, silently: `over` tells so.
    """

    def __init__(self, section: Mqtt, account: Account) -> None:
        self.five = section.version == "5"
        super().__init__(
            CallbackAPIVersion.VERSION2,
            account.client_id,
            clean_session=None if self.five else True,
            protocol=mqtt.MQTTv5 if self.five else mqtt.MQTTv311,
            reconnect_on_failure=False,
        )
        self.news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self.failure = ""
        self._section = section
        self._over = threading.Event()
        self._leaving = False
        self.connect_timeout = CONNECT_TIMEOUT_S
        self.max_inflight_messages_set(MOST_IN_FLIGHT)  # the window is kept by the publisher
        self.on_connect = self._note_connect
        self.on_disconnect = self._note_disconnect
        self.on_publish = self._note_publish
        if section.username or account.password is not None:
            self.username_pw_set(section.username or None, account.password)
        if account.tls is not None:
            self.tls_set_context(account.tls)
        will = new_properties(PacketTypes.WILLMESSAGE) if self.five else None
        if will is not None:
            will.WillDelayInterval = WILL_DELAY_S
        self.will_set(account.will_topic, account.will_body, qos=1, retain=True, properties=will)

    def begin(self) -> None:
        """Connect in paho's thread; returns at once."""
        section = self._section
        if self.five:
            properties = new_properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = SESSION_EXPIRY_S
            self.connect_async(
                section.host,
                section.port,
                section.keepalive_s,
                clean_start=True,
                properties=properties,
            )
        else:
            self.connect_async(section.host, section.port, section.keepalive_s)
        try:
            self.loop_start()
        except (OSError, RuntimeError) as error:
            # No descriptor or no thread is left: this life is over before it began.
            self.failure = str(error)
            self._over.set()

    def loop_forever(
        self,
        timeout: float = 1.0,
        retry_first_connection: bool = False,  # noqa: FBT001, FBT002 - paho's signature
    ) -> MQTTErrorCode:
        """Run one life: this is all that paho's thread does."""
        del retry_first_connection
        try:
            return super().loop_forever(timeout, retry_first_connection=False)
        except (OSError, ValueError) as error:
            self.failure = str(error)
            return MQTTErrorCode.MQTT_ERR_CONN_REFUSED
        finally:
            self._over.set()

    @property
    def over(self) -> bool:
        """Whether paho's thread has ended: nothing more will come or go."""
        return self._over.is_set()

    def dispose(self) -> None:
        """Close what paho keeps open after the end, until the garbage collector comes round.

        It holds three descriptors, and a broker that is away for a week is tried 40,000 times.
        One that is not over is still on its way to the broker: its callback has it hang up there.
        """
        if not self.over:
            return
        self.on_connect = self.on_disconnect = self.on_publish = None
        self._reset_sockets()

    def leave(self, patience_s: float) -> None:
        """Close the connection, by force if the broker does not answer."""
        self._leaving = True
        self.disconnect()
        if self._over.wait(patience_s):
            return
        sock = self.socket()
        if isinstance(sock, socket):
            with suppress(OSError):
                sock.shutdown(SHUT_RDWR)
            self._over.wait(patience_s)

    def _note_connect(
        self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, properties: Properties | None
    ) -> None:
        if self._leaving:
            self.disconnect()
        if code.is_failure:
            self.news.put(Refused(str(code), code.value in BAD_CREDENTIALS))
            return
        receive_maximum = getattr(properties, "ReceiveMaximum", MOST_IN_FLIGHT)
        maximum_packet = getattr(properties, "MaximumPacketSize", LARGEST_PACKET)
        self.news.put(Accepted(receive_maximum, maximum_packet))

    def _note_disconnect(
        self, _client: Any, _data: Any, _flags: Any, code: ReasonCode, _properties: Any
    ) -> None:
        self.news.put(Closed(str(code)))

    def _note_publish(
        self, _client: Any, _data: Any, mid: int, code: ReasonCode, _properties: Any
    ) -> None:
        failure = str(code) if code.is_failure else ""
        self.news.put(Acknowledged(mid, failure, code.value == NOT_AUTHORISED))
