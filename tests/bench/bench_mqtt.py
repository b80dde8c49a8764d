"""Results per second from the ledger through the telemetry lane to a mosquitto on this machine."""

from __future__ import annotations

import argparse
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from agent.broker.publisher import MqttPublisher
from agent.clock import SystemClock
from agent.config.document import Mqtt, Station
from agent.lanes.telemetry import TelemetryLane
from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import Ledger, open_ledger
from agent.plant.messages import Topics, event_message, result_message
from agent.records import GateOutcome, OutcomeCode, Part, Trigger, Verdict, VerdictKind

CLOCK = SystemClock()
TOPICS = Topics(Station())


def start_broker(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Start mosquitto on a free port."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    (folder / "mosquitto.conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    process = subprocess.Popen(
        [program, "-c", str(folder / "mosquitto.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with socket.socket() as sock:
        while sock.connect_ex(("127.0.0.1", port)) != 0:
            time.sleep(0.01)
    return process, port


def fill(ledger: Ledger, rows: int) -> None:
    """Leave a backlog in the ledger."""
    for first in range(0, rows, 2000):
        batch: list[OpenPart | SetVerdict | SetOutcome] = []
        for _ in range(min(2000, rows - first)):
            seq = ledger.sequencer.next()
            part = Part(seq, Trigger(1, seq, CLOCK.now_ns()))
            verdict = Verdict(part, VerdictKind.PASS, score=0.02, model="casting 3", judged_ns=1)
            outcome = GateOutcome(1, seq, OutcomeCode.PASSED, CLOCK.now_ns())
            batch += [OpenPart(part, CLOCK.wall_ns()), SetVerdict(verdict), SetOutcome(outcome)]
        ledger.write(batch)


def drain_lane(ledger: Ledger, publisher: MqttPublisher) -> float:
    """Drain by the telemetry lane as the agent runs it; returns the seconds."""
    lane = TelemetryLane(
        publisher,
        ledger,
        TOPICS,
        lambda row: result_message(row, "d", ledger.epoch, CLOCK.now_ns()),
        lambda row: event_message(row, "d", ledger.epoch, CLOCK.now_ns()),
        lambda: b"{}",
        5_000_000_000,
        CLOCK,
    )
    while not publisher.connected:
        lane.step()
    start = time.perf_counter()
    while ledger.backlog():
        lane.step()
    return time.perf_counter() - start


def drain_bare(publisher: MqttPublisher, ledger: Ledger, rows: int) -> float:
    """Send bodies without the ledger: what the client itself does."""
    (row,) = ledger.unpublished(1)
    body = result_message(row, "d", ledger.epoch, 0)
    sent = confirmed = 0
    start = time.perf_counter()
    while confirmed < rows:
        while sent < rows and publisher.publish(TOPICS.result, body, token=sent):
            sent += 1
        confirmed += len(publisher.confirmed())
        time.sleep(0.0002)
    return time.perf_counter() - start


def main() -> None:
    """Measure for two windows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process, port = start_broker(folder)
        try:
            ledger = open_ledger(folder, CLOCK)
            for window in (20, 200):
                fill(ledger, options.rows)
                section = Mqtt(host="127.0.0.1", port=port, window=window)
                publisher = MqttPublisher(section, TOPICS.status, "bench", b"{}", b"{}")
                publisher.start()
                while not publisher.connected:
                    publisher.confirmed()
                bare = options.rows / drain_bare(publisher, ledger, options.rows)
                publisher.stop()
                publisher = MqttPublisher(section, TOPICS.status, "bench", b"{}", b"{}")
                lane = options.rows / drain_lane(ledger, publisher)
                publisher.stop()
                print(
                    f"mqtt window {window:>3}: {bare:6.0f} results/s by the client alone,"
                    f" {lane:6.0f} out of the ledger by the telemetry lane ({bare / lane:.1f} to 1)"
                )
            ledger.close()
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
