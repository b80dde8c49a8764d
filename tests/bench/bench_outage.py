"""A backlog of a broker's outage, drained by the telemetry lane to a mosquitto: rows a second.

At least 2,000 a second are wanted, while parts go on; `--rows 864000` is a day at ten a second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).parents[1]
# The repository comes first: `tests/agent` would be taken for the package.
sys.path[:0] = [str(TESTS.parent), str(TESTS / "support"), str(TESTS)]

from conftest import Mosquitto
from outage import TOPICS, Outage, memory_bytes

from agent.broker.publisher import MqttPublisher
from agent.clock import SystemClock
from agent.config.document import Mqtt

WANTED = 2_000


def main() -> None:
    """Fill, drain and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--window", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("broker", "ledger"):
            (folder / part).mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        try:
            measure(folder / "ledger", broker.port, options)
        finally:
            broker.kill()


def measure(folder: Path, port: int, options: argparse.Namespace) -> None:
    """Drain the backlog, a part coming in every tenth of a second meanwhile."""
    outage = Outage(folder, SystemClock())
    outage.away(options.rows)
    section = Mqtt(host="127.0.0.1", port=port, window=options.window)
    publisher = MqttPublisher(section, TOPICS.status, "bench", b"{}", b"{}")
    lane = outage.lane(publisher)
    while not publisher.connected:
        lane.step()
    before, start = memory_bytes(), time.perf_counter()
    due, worst_ms = start, 0.0

    def part() -> None:
        nonlocal due, worst_ms
        if time.perf_counter() >= due:
            due += 0.1
            begun = time.perf_counter()
            outage.away(1)
            worst_ms = max(worst_ms, (time.perf_counter() - begun) * 1e3)

    outage.drain(lane, each=part)
    seconds = time.perf_counter() - start
    rate = outage.count / seconds
    grown = (memory_bytes() - before) / 1e6
    publisher.stop()
    outage.ledger.close()
    print(
        f"outage: {outage.count} rows in {seconds:.1f} s, {rate:.0f}/s "
        f"({rate / WANTED:.1f} times what is wanted), window {options.window}; "
        f"memory {grown:+.1f} MB, slowest commit of a part meanwhile {worst_ms:.1f} ms"
    )


if __name__ == "__main__":
    main()
