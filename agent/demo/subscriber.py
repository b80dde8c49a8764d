"""The plant's side of the demo: counts the results that reach a subscriber."""

from __future__ import annotations

import json
import threading
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


class Subscriber:
    """Subscribes to the results of a line and remembers their ids."""

    def __init__(self, port: int, topic: str, version: str) -> None:
        self._topic = topic
        self._lock = threading.Lock()
        self._ids: set[str] = set()
        self._repeats = 0
        protocol = mqtt.MQTTv5 if version == "5" else mqtt.MQTTv311
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, "linewarden-demo-plant", protocol=protocol
        )
        self._client.on_connect = self._subscribe
        self._client.on_message = self._count
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    @property
    def results(self) -> int:
        """Return how many different results have arrived."""
        with self._lock:
            return len(self._ids)

    @property
    def repeats(self) -> int:
        """Return how many messages were repeats of a result."""
        with self._lock:
            return self._repeats

    def stop(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()

    def _subscribe(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(self._topic, qos=1)

    def _count(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        result_id = str(json.loads(message.payload).get("id"))
        with self._lock:
            self._repeats += result_id in self._ids
            self._ids.add(result_id)
