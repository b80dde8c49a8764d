"""The MQTT client: a small window of messages between the ledger and the plant's broker."""

from __future__ import annotations

import queue
import secrets
from collections.abc import Sequence
from pathlib import Path

from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.broker.connection import (
    Accepted,
    Account,
    Acknowledged,
    Connection,
    News,
    Refused,
    new_properties,
)
from agent.broker.tls import clock_advice, tls_context
from agent.clock import Clock, SystemClock
from agent.config.document import Mqtt
from agent.errors import BrokerError
from agent.plant.messages import SCHEMAS, schema_name, shortened

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 15.0
REFUSED_PAUSE_S, LONGEST_REFUSED_PAUSE_S = 5.0, 120.0
HOLD_NS = 30_000_000_000  # a topic that was refused is tried again after so long
GOODBYE_S = 0.8
LEAVE_S = 0.4
CONTENT_TYPE = "application/json"
OVERHEAD_BYTES = 64  # fixed header, packet id, lengths, content type and schema, with room


class MqttPublisher:
    """A connection that keeps itself alive. One lane calls it; `connected` and `fault` anyone.

    Nothing is handed to the library while the broker is away, and nothing outlives a connection:
    the ledger remembers, this only carries. `lost` is the will's body, `offline` if empty.
    """

    def __init__(
        self,
        section: Mqtt,
        status_topic: str,
        client_id: str,
        online: bytes,
        offline: bytes,
        lost: bytes = b"",
        clock: Clock | None = None,
    ) -> None:
        self._section = section
        self._status_topic = status_topic
        self._online = online
        self._offline = offline
        self._clock = clock or SystemClock()
        tls = tls_context(section) if section.ca_file else None
        password = _read_password(section.password_file) if section.password_file else None
        self._account = Account(client_id, password, tls, status_topic, lost or offline)
        self._name = f"{section.host}:{section.port}"
        self._connection: Connection | None = None
        self._accepted: Accepted | None = None
        self._due_ns: int | None = None
        self._pause_s = FIRST_PAUSE_S
        self._refused = False
        self._pending: dict[int, tuple[int | None, str]] = {}
        self._confirmed: list[int] = []
        self._lost: list[int] = []
        self._held_ns: dict[str, int] = {}
        self._properties: dict[str, Properties | None] = {}
        self._line_fault = ""
        self._topic_faults: dict[str, str] = {}

    def start(self) -> None:
        """Begin to connect; returns at once, also without a broker."""
        if not self._section.host:
            self._line_fault = "no broker is configured: mqtt.host is empty"
            return
        self._due_ns = self._clock.now_ns()
        self._tend()

    def announce(self, online: bytes) -> None:
        """Let the status topic say this from now on: at once where we are connected."""
        self._online = online
        self._send(self._status_topic, online, None, 1, retain=True)

    def publish(self, topic: str, body: bytes, *, token: int | None, retain: bool = False) -> bool:
        """Hand over one message; False when the window is full or the broker is away.

        With a `token` it goes out at QoS 1 and the token comes back from `confirmed` once the
        broker has taken it, or from `lost`. False as well while a refused topic rests.
        """
        self._tend()
        if self._accepted is None or self._rests(topic):
            return False
        if token is not None and len(self._pending) >= self._window(self._accepted):
            return False
        return self._send(topic, body, token, 0 if token is None else 1, retain=retain)

    def confirmed(self) -> Sequence[int]:
        """Return the tokens acknowledged with success since the last call."""
        self._tend()
        tokens, self._confirmed = self._confirmed, []
        return tokens

    def lost(self) -> Sequence[int]:
        """Return the tokens that will not be confirmed any more: hand them over again."""
        self._tend()
        tokens, self._lost = self._lost, []
        return tokens

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and is still there."""
        return self._accepted is not None

    @property
    def fault(self) -> str:
        """What keeps us from publishing, in a sentence; empty when nothing does."""
        return self._line_fault or next(iter(self._topic_faults.values()), "")

    def stop(self, *, goodbye: bool = True) -> None:
        """Leave `offline` on the status topic and close the connection; harmless twice.

        Without `goodbye` the topic keeps what it says: somebody else is about to say more.
        """
        self._due_ns = None
        connection = self._connection
        if connection is None:
            return
        if goodbye and self._send(self._status_topic, self._offline, None, 1, retain=True):
            self._await_answers(connection)
        connection.leave(LEAVE_S)
        self._tend()
        self._forget()

    def _window(self, accepted: Accepted) -> int:
        return min(self._section.window, accepted.receive_maximum)

    def _rests(self, topic: str) -> bool:
        until_ns = self._held_ns.get(topic)
        if until_ns is None or self._clock.now_ns() >= until_ns:
            self._held_ns.pop(topic, None)
            return False
        return True

    def _send(self, topic: str, body: bytes, token: int | None, qos: int, *, retain: bool) -> bool:
        connection, accepted = self._connection, self._accepted
        if connection is None or accepted is None:
            return False
        fitting = self._fitted(topic, body, accepted)
        if fitting is None:
            return False
        properties = self._properties_of(topic, connection)
        info = connection.publish(topic, fitting, qos, retain, properties)
        if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False  # the library keeps it, but ends with this connection
        if qos > 0:
            self._pending[info.mid] = (token, topic)
        return True

    def _fitted(self, topic: str, body: bytes, accepted: Accepted) -> bytes | None:
        """Return the body as the broker's largest packet allows; None when nothing fits."""
        room = accepted.maximum_packet - len(topic.encode("utf-8")) - OVERHEAD_BYTES
        if len(body) <= room:
            return body
        schema = SCHEMAS.get(topic.rsplit("/", 1)[-1])
        short = shortened(body, schema) if schema is not None else body
        if len(short) <= room:
            return short
        self._topic_faults[topic] = (
            f"the broker {self._name} takes packets of {accepted.maximum_packet} bytes at most, "
            f"too small for {topic}"
        )
        return None

    def _properties_of(self, topic: str, connection: Connection) -> Properties | None:
        if not connection.five:
            return None
        if topic not in self._properties:
            properties = new_properties(PacketTypes.PUBLISH)
            properties.ContentType = CONTENT_TYPE
            properties.UserProperty = ("schema", schema_name(topic))
            if topic.endswith("/state"):
                properties.MessageExpiryInterval = max(1, round(3 * self._section.state_every_s))
            self._properties[topic] = properties
        return self._properties[topic]

    def _tend(self) -> None:
        """Take in what the connection has to say; replace it when it has ended."""
        connection = self._connection
        if connection is None:
            if self._due_ns is not None and self._clock.now_ns() >= self._due_ns:
                self._connection = Connection(self._section, self._account)
                self._connection.begin()
            return
        over = connection.over  # asked first: what comes before the end must not be missed
        while (news := _next(connection.news, 0.0)) is not None:
            self._take(news)
        if over:
            self._note_end(connection)
            self._forget()
            self._wait_before_next()

    def _take(self, news: News) -> None:
        if isinstance(news, Accepted):
            self._accepted = news
            self._line_fault = ""
            self._send(self._status_topic, self._online, None, 1, retain=True)
        elif isinstance(news, Acknowledged):
            self._settle(news)
        elif isinstance(news, Refused):
            self._refused = news.credentials
            advice = "; check mqtt.username and mqtt.password_file" if news.credentials else ""
            self._line_fault = f"the broker {self._name} refused us: {news.text}{advice}"
        else:
            self._line_fault = self._line_fault or f"lost the broker {self._name}: {news.text}"

    def _settle(self, answer: Acknowledged) -> None:
        token, topic = self._pending.pop(answer.mid, (None, ""))
        if not topic:
            return  # a message at QoS 0, which the library confirms by itself
        if answer.failure:
            self._held_ns[topic] = self._clock.now_ns() + HOLD_NS
            word = "not authorised" if answer.not_authorised else f"refused ({answer.failure})"
            self._topic_faults[topic] = f"{word}: {topic}"
        else:
            self._topic_faults.pop(topic, None)
            self._pause_s = FIRST_PAUSE_S
        if token is not None:
            (self._lost if answer.failure else self._confirmed).append(token)

    def _note_end(self, connection: Connection) -> None:
        failure = connection.failure
        if failure:
            advice = clock_advice(failure, known=self._clock.wall_ok())
            self._line_fault = f"cannot reach the broker {self._name}: {failure}{advice}"
        elif not self._line_fault:
            self._line_fault = f"lost the broker {self._name}: its client ended by itself"

    def _forget(self) -> None:
        """Drop the connection; whatever it did not confirm is published again from the ledger."""
        self._lost += [token for token, _ in self._pending.values() if token is not None]
        self._pending.clear()
        connection, self._connection, self._accepted = self._connection, None, None
        if connection is not None:
            connection.dispose()

    def _wait_before_next(self) -> None:
        """Come back later and later, not together with all other devices of the plant."""
        if self._due_ns is None:
            return
        longest_s = LONGEST_REFUSED_PAUSE_S if self._refused else LONGEST_PAUSE_S
        pause_s = max(self._pause_s, REFUSED_PAUSE_S) if self._refused else self._pause_s
        share = secrets.SystemRandom().uniform(0.75, 1.25)
        self._due_ns = self._clock.now_ns() + round(pause_s * share * 1e9)
        self._pause_s = min(2 * pause_s, longest_s)
        self._refused = False

    def _await_answers(self, connection: Connection) -> None:
        """Wait a moment for the broker to take what is still on its way."""
        deadline_ns = self._clock.now_ns() + round(GOODBYE_S * 1e9)
        while self._pending and not connection.over:
            left_s = (deadline_ns - self._clock.now_ns()) / 1e9
            news = _next(connection.news, left_s) if left_s > 0 else None
            if news is None:
                return
            self._take(news)


def _next(news: queue.SimpleQueue[News], timeout_s: float) -> News | None:
    try:
        return news.get(timeout=timeout_s) if timeout_s > 0 else news.get_nowait()
    except queue.Empty:
        return None


def _read_password(path: str) -> str:
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BrokerError(f"mqtt.password_file {path} cannot be read: {error}") from error
