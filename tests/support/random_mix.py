"""A whole line to which everything happens in an order that a seed chooses; judged from outside."""

from __future__ import annotations

import json
import random
import resource
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import paho.mqtt.client as mqtt
from live_line import LiveLine, wait_until
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

FAULTS_ON_THE_LINE = ("--drop", "0.02", "--corrupt", "0.02", "--repeat", "0.02", "--delay", "0.02")

DEEDS = ("kill", "crash", "terminate", "pause", "freeze", "fill")


class Plant:
    """A subscriber whose session outlasts a frozen broker: every result, repeats included."""

    def __init__(self, port: int) -> None:
        self._lock = threading.Lock()
        self._results: list[dict] = []
        ready = threading.Event()
        self._client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id="plant", protocol=mqtt.MQTTv5
        )
        self._client.on_connect = lambda client, *_: client.subscribe("linewarden/#", qos=1)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = self._take
        self._client.reconnect_delay_set(1, 1)
        session = Properties(PacketTypes.CONNECT)
        session.SessionExpiryInterval = 3600
        self._client.connect("127.0.0.1", port, clean_start=False, properties=session)
        self._client.loop_start()
        assert ready.wait(30)

    def results(self) -> list[dict]:
        """Return what has arrived."""
        with self._lock:
            return list(self._results)

    def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client, _data, message) -> None:
        if message.topic.endswith("/result"):
            with self._lock:
                self._results.append(json.loads(message.payload))


class RandomMix:
    """One run: `parts` go by at `rate` a second while things happen to agent, broker and disk.

    `deeds` are names of what may happen; all of it without.
    """

    def __init__(
        self,
        folder: Path,
        broker,
        seed: int,
        parts: int = 120,
        rate: float = 20.0,
        deeds: tuple[str, ...] = DEEDS,
    ):
        self._deeds = deeds
        self.rng = random.Random(seed)
        self.broker = broker
        self.line = LiveLine(folder, rate=rate, parts=parts, mqtt_port=broker.port)
        self.line.jitter = 0.15
        self.done: Counter = Counter()

    def run(self) -> Counter:
        """Let the belt run to its end, and judge; returns verdicts and what was done."""
        plant = Plant(self.broker.port)
        try:
            with self.line as line:
                line.start_gate(*FAULTS_ON_THE_LINE)
                line.start_agent()
                while len(line.met()) < 0.8 * line.parts:
                    self._disturb()
                    time.sleep(self.rng.uniform(0.5, 4.0))
                return self._settle(plant)
        finally:
            self.broker.thaw()
            plant.stop()

    def _disturb(self) -> None:
        self._restart_what_ended()
        deed = self.rng.choice(self._deeds)
        self.done[deed] += 1
        getattr(self, f"_{deed}")()

    def _restart_what_ended(self) -> None:
        """Do as systemd does: an agent that could not open its ledger is started again."""
        if self.line.agent.poll() is not None:
            assert self.done["fill"], self.line.log[-20:]
            self.line.start_agent(ready=False)

    def _kill(self) -> None:
        self.line.kill_agent()
        self.line.start_agent(ready=False)

    def _crash(self) -> None:
        """Die as of a bug in a native library."""
        self.line.agent.send_signal(signal.SIGSEGV)
        self.line.agent.wait(30)
        self.line.start_agent(ready=False)

    def _terminate(self) -> None:
        # A start that is interrupted ends by the signal; one that runs says good-bye.
        code = self.line.stop_agent()
        ended_by_disk = code == 1 and self.done["fill"]
        assert code in (0, -signal.SIGTERM) or ended_by_disk, (code, self.line.log[-20:])
        self.line.start_agent(ready=False)

    def _pause(self) -> None:
        self.line.agent.send_signal(signal.SIGSTOP)
        time.sleep(self.rng.uniform(0.2, 1.5))
        self.line.agent.send_signal(signal.SIGCONT)

    def _freeze(self) -> None:
        """Let the broker stand still for a while; it loses nothing by that."""
        self.broker.freeze()
        time.sleep(self.rng.uniform(0.2, 1.0))
        self.broker.thaw()

    def _fill(self) -> None:
        """Let every write to a file fail, as on a full or dying disk."""
        pid = self.line.agent.pid
        with suppress(ProcessLookupError):
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
            time.sleep(self.rng.uniform(0.2, 1.0))
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    def _settle(self, plant: Plant) -> Counter:
        line = self.line
        self._restart_what_ended()
        line.wait_for_belt()
        wait_until(lambda: len(line.rows()) >= line.parts, "all rows")
        wait_until(lambda: all(row["outcome"] for row in line.rows()), "all outcomes")
        numbers = {row["seq"] for row in line.rows()}
        wait_until(lambda: {one["seq"] for one in plant.results()} >= numbers, "all results")
        assert line.stop_agent() == 0
        verdicts = line.balanced()
        self._compare(plant.results())
        return Counter(verdicts) + self.done

    def _compare(self, results: list[dict]) -> None:
        """Hold what the plant got against the ledger's file: the same verdict, each repeat too."""
        rows = {row["seq"]: row["verdict"] for row in self.line.rows()}
        for result in results:
            assert rows.get(result["seq"]) == result["verdict"], result
        firsts = list(dict.fromkeys(result["seq"] for result in results))
        assert firsts == sorted(firsts), "results out of order"
