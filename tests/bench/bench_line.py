"""Load: the agent as a process at 50 parts a second, with model, gate, ledger, pictures and MQTT.

Prints the balance against the belt's own record, the latencies that the agent publishes, and how
its memory grew. `--seconds 600` is the figure of the release; the default is short.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import paho.mqtt.client as mqtt
import psutil
from live_line import RENDERED, LiveLine

from agent.clock import SystemClock
from agent.demo.broker import DemoBroker


class States:
    """The states the agent published, and how many results came."""

    def __init__(self, port: int) -> None:
        self.results = 0
        self.states: list[dict] = []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("linewarden/#", qos=1)
        self._client.on_message = self._take
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _take(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        if message.topic.endswith("/state"):
            self.states.append(json.loads(message.payload))
        self.results += message.topic.endswith("/result")

    def stop(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()


def main() -> None:
    """Run the line and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--bundle", type=Path, default=RENDERED)
    options = parser.parse_args()
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = DemoBroker(folder, clock)
        states = States(broker.port)
        try:
            measure(folder, options, broker.port, states)
        finally:
            states.stop()
            broker.stop()


def measure(folder: Path, options: argparse.Namespace, port: int, states: States) -> None:
    """Let the parts go by and hold the belt's record against the ledger."""
    parts = round(options.rate * options.seconds)
    with LiveLine(folder, rate=options.rate, parts=parts, mqtt_port=port) as line:
        line.bundle = options.bundle
        line.lead_s = 4.0
        line.start_gate()
        agent = psutil.Process(line.start_agent().pid)
        start = time.monotonic()
        memory: list[tuple[float, float]] = []
        while line.met_count() < parts and time.monotonic() < start + 3 * options.seconds + 60:
            memory.append((time.monotonic() - start, agent.memory_info().rss / 1e6))
            time.sleep(2)
        busy = agent.cpu_times()
        seconds = time.monotonic() - start
        line.stop_agent()
        counts = line.balanced()
        reasons = {row["reason"] for row in line.rows()}
    report(options, counts, reasons, memory, states)
    print(f"  CPU of the agent: {100 * (busy.user + busy.system) / seconds:.0f} % of a core")


def report(
    options: argparse.Namespace,
    counts: dict[str, int],
    reasons: set[str],
    memory: list[tuple[float, float]],
    states: States,
) -> None:
    """Print the figures."""
    total = sum(counts.values())
    sums = " + ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    print(f"line: {total} parts at {options.rate:g}/s, {options.bundle.name}")
    print(f"  balance: {total} = {sums} {sorted(reasons - {'none'}) or ''}")
    print("  wrong-part gates: 0 (belt's record against ledger, part by part)")
    print(f"  results at a subscriber: {states.results}")
    last = states.states[-1]
    for key in ("trigger_to_verdict_ms", "hand_to_gate_ms", "overhead_ms", "invoke_ms"):
        figures = last[key]
        print(f"  {key}: " + "  ".join(f"{name} {value:.2f}" for name, value in figures.items()))
    late = [rss for at, rss in memory if at > min(60.0, options.seconds / 2)]
    grown = statistics.median(late[-5:]) - statistics.median(late[:5]) if late else 0.0
    print(f"  memory after the first minute: {late[0]:.0f} MB, grew by {grown:+.1f} MB")


if __name__ == "__main__":
    main()
