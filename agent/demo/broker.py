"""A broker for the demo on a free port of the loopback: mosquitto, or amqtt without it."""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from agent.clock import Clock
from agent.errors import DemoError

START_S = 10.0

# amqtt speaks MQTT 3.1.1 only; the agent's publisher is told so.
_AMQTT = """
import asyncio, logging, sys
from amqtt.broker import Broker
logging.disable(logging.CRITICAL)
async def main():
    broker = Broker({
        "listeners": {"default": {"type": "tcp", "bind": "127.0.0.1:" + sys.argv[1]}},
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    })
    await broker.start()
    await asyncio.Event().wait()
asyncio.run(main())
"""


class DemoBroker:
    """A broker process that ends with the demo."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._clock = clock
        self.port = _free_port()
        mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
        if mosquitto is not None:
            self.name, self.version = "mosquitto", "5"
            settings = folder / "mosquitto.conf"
            settings.write_text(
                f"listener {self.port} 127.0.0.1\nallow_anonymous true\nlog_dest none\n", "ascii"
            )
            command = [mosquitto, "-c", str(settings)]
        elif importlib.util.find_spec("amqtt") is not None:
            self.name, self.version = "amqtt", "3.1.1"
            command = [sys.executable, "-c", _AMQTT, str(self.port)]
        else:
            raise DemoError("there is no MQTT broker: install mosquitto, or linewarden[demo]")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a terminal's Ctrl-C is for us, not for the broker
        )
        self._wait_until_it_listens()

    def stop(self) -> None:
        """End the broker."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_until_it_listens(self) -> None:
        deadline_ns = self._clock.now_ns() + round(START_S * 1e9)
        while self._clock.now_ns() < deadline_ns and self._process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            self._clock.sleep(0.05)
        self.stop()
        raise DemoError(f"the broker {self.name} did not start on 127.0.0.1:{self.port}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
