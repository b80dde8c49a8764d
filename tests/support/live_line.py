"""A whole line as processes: the agent, a gate controller on a pty that outlives it, real time.

The belt's record is written by the controller's process; nothing here asks the agent how it was.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
RENDERED = ROOT / "examples" / "rendered-mobilenet_v2-int8.lwb"
LINEWARDEN = [sys.executable, "-c", "import linewarden; linewarden.main()"]
PATIENCE_S = 90.0


def wait_until(condition, what, patience_s=PATIENCE_S):
    """Return the first true value of `condition()`; fail with `what` when none comes."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"waited {patience_s:.0f} s in vain for {what}")


class LiveLine:
    """One line in a folder. `start_gate`, then `start_agent` as often as it is killed."""

    def __init__(self, folder: Path, rate: float = 20.0, parts: int = 100, mqtt_port: int = 0):
        self.folder = folder
        self.rate = rate
        self.parts = parts
        self.record = folder / "belt.jsonl"
        self.link = folder / "gate"
        self.config = folder / "agent.toml"
        self.lead_s = 3.0
        self.bundle = RENDERED
        self.jitter = 0.1
        self.mqtt_port = mqtt_port
        self.camera = 'driver = "sim"\ndeck = 16'
        self.more = ""  # further lines of the configuration
        self.gate_more = ""  # and of its section [gate]
        self.environment: dict[str, str] = {}  # of the agent, beside our own
        self.nice = self.gate_nice = 0  # of agent and controller; below 0 needs root
        self._start_ns = 0
        self._read_to = self._met = 0  # of the record
        self._processes: list[subprocess.Popen] = []
        self.agent: subprocess.Popen | None = None
        self.log: list[str] = []

    def __enter__(self) -> LiveLine:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait(30)
            for pipe in (process.stderr, process.stdin):
                if pipe is not None:
                    pipe.close()

    def prepare(self) -> int:
        """Write the configuration, for an agent that is started before its gate is there."""
        self._start_ns = time.monotonic_ns() + round(self.lead_s * 1e9)
        self._write_config(self._start_ns)
        return self._start_ns

    def start_gate(self, *faults: str) -> subprocess.Popen:
        """Start the belt with its controller; part 0 comes `lead_s` from now, or from `prepare`."""
        start_ns, self._start_ns = self._start_ns or self.prepare(), 0
        command = [
            "nice", "-n", str(self.gate_nice),
            sys.executable, "-m", "agent.sim.process", "--link", str(self.link), "--record",
            str(self.record), "--delay-ms", "400", "--rate", str(self.rate), "--seed", "1",
            "--jitter", str(self.jitter),
            "--start-ns", str(start_ns), "--parts", str(self.parts), *faults,
        ]  # fmt: skip
        gate = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)
        self._processes.append(gate)
        wait_until(self.link.exists, "the gate's port")
        return gate

    def start_agent(self, *, ready: bool = True) -> subprocess.Popen:
        """Start the agent; with `ready` wait until its model judges."""
        seen = len(self.log)
        self.agent = subprocess.Popen(
            ["nice", "-n", str(self.nice), *LINEWARDEN, "run", "--config", str(self.config)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=os.environ | self.environment,
        )  # fmt: skip
        self._processes.append(self.agent)
        threading.Thread(target=self._read_log, args=[self.agent.stderr], daemon=True).start()
        if ready:
            wait_until(lambda: any("ready:" in line for line in self.log[seen:]), "a ready agent")
        return self.agent

    def kill_agent(self) -> None:
        """SIGKILL the agent, as a crash or the kernel would."""
        self.agent.send_signal(signal.SIGKILL)
        self.agent.wait(30)

    def stop_agent(self) -> int:
        """SIGTERM the agent and return its exit code."""
        self.agent.send_signal(signal.SIGTERM)
        return self.agent.wait(30)

    def wait_for_belt(self) -> None:
        """Wait until every part has met the gate."""
        wait_until(lambda: self.met_count() >= self.parts, "the end of the belt",
                   self.lead_s + self.parts / self.rate + PATIENCE_S)  # fmt: skip

    def met_count(self) -> int:
        """Return how many parts have met the gate; it reads only what is new of the record."""
        if not self.record.exists():
            return 0
        with self.record.open("rb") as file:
            file.seek(self._read_to)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._read_to += len(whole)
        self._met += whole.count(b'"belt_part"')
        return self._met

    def met(self) -> list[dict]:
        """Return the belt's record: what physically happened to each part."""
        if not self.record.exists():
            return []
        lines = self.record.read_text().splitlines()
        parsed = [json.loads(line) for line in lines if line.endswith("}")]
        return [line for line in parsed if "belt_part" in line]

    def rows(self) -> list[sqlite3.Row]:
        """Return the ledger's rows in order."""
        path = self.folder / "ledger" / "ledger.sqlite"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            return connection.execute("SELECT * FROM part ORDER BY seq").fetchall()
        finally:
            connection.close()

    def balanced(self) -> dict[str, int]:
        """Check record against ledger, part by part; returns the verdicts' counts."""
        rows = {(row["boot"], row["gate_part"]): row for row in self.rows()}
        assert len(rows) == len(self.rows()), "two rows for one part"
        counts: dict[str, int] = {}
        for met in self.met():
            row = rows.pop((met["boot"], met["part"]), None)
            assert row is not None, f"part without a row: {met}"
            verdict = row["verdict"]
            counts[verdict] = counts.get(verdict, 0) + 1
            passed = met["physically"] == "passed"
            assert met["opened_for"] in (None, met["part"]), f"the gate opened for another: {met}"
            assert passed == (verdict == "PASS"), (met, dict(row))
        assert not rows, f"rows without a part: {[dict(row) for row in rows.values()]}"
        return counts

    def _write_config(self, start_ns: int) -> None:
        mqtt = f'[mqtt]\nhost = "127.0.0.1"\nport = {self.mqtt_port}\n' if self.mqtt_port else ""
        self.config.write_text(
            f"""[camera]
{self.camera}
[belt]
rate_per_s = {self.rate}
seed = 1
jitter = {self.jitter}
parts = {self.parts}
start_ns = {start_ns}
[model]
bundle = "{self.bundle.resolve()}"
[gate]
driver = "controller"
port = "{self.link}"
{self.gate_more}
[ledger]
folder = "ledger"
{mqtt}{self.more}"""
        )

    def _read_log(self, stream) -> None:
        for line in stream:
            self.log.append(line)
