"""Fixtures for all tests: a real MQTT broker, a subscriber, and waiting for a condition."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from hypothesis import settings

# How long an example takes is no promise of ours, and a busy machine takes its time.
settings.register_profile("linewarden", deadline=None)
settings.load_profile("linewarden")

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
DEADLINE_S = 20.0


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Return a function that waits until a condition holds, and fails when it never does."""

    def wait(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
        end_s = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end_s:
                pytest.fail(f"waited {deadline_s:g} s in vain for {condition}")
            time.sleep(0.005)

    return wait


class Mosquitto:
    """A real broker on its own port; killed, stopped and started again at will."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        self.folder = folder
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> None:
        """Start it on the same port as before, the first time on a free one."""
        for _ in range(5):  # another test may take a free port before mosquitto does
            port = self.port or _free_port()
            self._launch(port)
            if self._listens(port):
                self.port = port
                return
            self.kill()
        pytest.fail("mosquitto does not start")

    def kill(self) -> None:
        """Kill it: no good-bye, nothing saved."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    def restart(self) -> None:
        """Kill it and start it again on the same port."""
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Stop it without ending it: it takes connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def save(self) -> None:
        """Write sessions and subscriptions to disk, so that they outlive a kill (SIGUSR1)."""
        database = self.folder / "mosquitto.db"
        database.unlink(missing_ok=True)
        self._signal(signal.SIGUSR1)
        end_s = time.monotonic() + DEADLINE_S
        while not database.exists() and time.monotonic() < end_s:
            time.sleep(0.01)
        assert database.exists(), "mosquitto saved nothing"

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def _launch(self, port: int) -> None:
        path = self.folder / "mosquitto.conf"
        listener = f"listener {port} 127.0.0.1\n"
        store = f"persistence true\npersistence_location {self.folder}/\n"
        access = "" if "allow_anonymous" in self._settings else "allow_anonymous true\n"
        user = "user root\n" if os.getuid() == 0 else ""
        path.write_text(user + store + listener + access + self._settings, "utf-8")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(MOSQUITTO), "-c", str(path), "-v"], stdout=log, stderr=log
            )

    def _listens(self, port: int) -> bool:
        assert self._process is not None
        end_s = time.monotonic() + DEADLINE_S
        while self._process.poll() is None and time.monotonic() < end_s:
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    return True
            time.sleep(0.01)
        return False


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def make_mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Return a maker of brokers; `settings` are lines of mosquitto.conf."""
    if MOSQUITTO is None:
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    made: list[Mosquitto] = []

    def make(settings: str = "", *, started: bool = True) -> Mosquitto:
        folder = tmp_path / f"mosquitto-{len(made)}"
        folder.mkdir()
        broker = Mosquitto(folder, settings)
        made.append(broker)
        if started:
            broker.start()
        else:
            broker.port = _free_port()
        return broker

    yield make
    for broker in made:
        broker.kill()


@pytest.fixture
def mosquitto(make_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """Return a broker that lets everybody in."""
    return make_mosquitto()


class Subscriber:
    """The plant's side: keeps every message of a topic filter, also across broker restarts."""

    def __init__(self, port: int, pattern: str) -> None:
        self._pattern = pattern
        self._lock = threading.Lock()
        self._messages: list[mqtt.MQTTMessage] = []
        self.ready = threading.Event()
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe(self._pattern, qos=0)
        self.client.on_subscribe = lambda *_: self.ready.set()
        self.client.on_disconnect = lambda *_: self.ready.clear()
        self.client.on_message = self._keep
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.ready.wait(DEADLINE_S)

    @property
    def messages(self) -> list[mqtt.MQTTMessage]:
        """Return the messages so far."""
        with self._lock:
            return list(self._messages)

    @property
    def bodies(self) -> list[dict[str, object]]:
        """Return the JSON bodies so far."""
        return [json.loads(message.payload) for message in self.messages]

    def stop(self) -> None:
        """Disconnect and end its thread."""
        self.client.disconnect()
        self.client.loop_stop()

    def _keep(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        with self._lock:
            self._messages.append(message)


@pytest.fixture
def subscribe() -> Iterator[Callable[[int, str], Subscriber]]:
    """Return a maker of subscribers to a topic filter on the broker at a port."""
    made: list[Subscriber] = []

    def make(port: int, pattern: str) -> Subscriber:
        made.append(Subscriber(port, pattern))
        return made[-1]

    yield make
    for subscriber in made:
        subscriber.stop()
