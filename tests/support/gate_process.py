"""The simulated controller as a process, and a host that serves a gate: for tests in real time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from agent.clock import SystemClock
from agent.config.document import Timing
from agent.config.gate import ControllerGate
from agent.records import GateNotice, GateOutcome, PassOrder, Trigger
from agent.sim.judge import judge, read_record

MS = 1_000_000
SECOND = 1_000_000_000
CLOCK = SystemClock()
# A wide guard: these tests run on busy machines, and none of them is about speed.
TIMING = Timing(
    delay_ms=400.0,
    guard_ms=20.0,
    command_ms=20.0,
    frame_within_ms=15.0,
    min_pitch_ms=40.0,
    max_in_flight=64,
)
WITHIN_NS = 60 * SECOND


class GateProcess:
    """`python -m agent.sim.process` in a folder of its own; ends with the `with` block."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.link = folder / "gate"
        self.record = folder / "belt.jsonl"
        self._options = {"rate": 1, "start_ns": 2**62, "delay_ms": TIMING.delay_ms, **options}
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> GateProcess:
        arguments = [
            f"--{name.replace('_', '-')}={value}"
            for name, value in {**self._options, "link": self.link, "record": self.record}.items()
        ]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "agent.sim.process", *arguments],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.process.stdout.close()

    def signal(self, number: int) -> None:
        """Send a signal: SIGUSR1 pulls the cable, SIGUSR2 takes the power away."""
        os.kill(self.process.pid, number)

    def freeze(self) -> None:
        """Stop the controller as it is: the port stays open and nothing reads from it."""
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen controller go on."""
        self.signal(signal.SIGCONT)

    def parts(self):
        """Return what the belt has recorded so far."""
        return read_record(self.record.read_text().splitlines())

    def over(self, parts: int) -> bool:
        """Whether the last of so many parts has met the gate."""
        met = self.parts()
        return bool(met) and met[-1].belt_part == parts - 1

    def events(self, name: str):
        """Return the moments of one kind of event in the record."""
        lines = map(json.loads, self.record.read_text().splitlines())
        return [line["at_ns"] for line in lines if line.get("event") == name]

    def section(self) -> ControllerGate:
        """Return the configuration of a driver for it."""
        return ControllerGate(driver="controller", port=str(self.link))


class Host:
    """Serves a gate until something holds; every part gets a row, PASS for those it allows."""

    def __init__(self, gate, allow=lambda _trigger: True) -> None:
        self.gate = gate
        self.allow = allow
        self.rows: dict[tuple[int, int], str] = {}
        self.outcomes: dict[tuple[int, int], str] = {}
        self.notices: list[str] = []
        self.events = []

    def serve(self, until, within_ns: int = WITHIN_NS) -> None:
        """Serve until the condition holds; fails after a minute."""
        deadline_ns = CLOCK.now_ns() + within_ns
        while not until():
            assert CLOCK.now_ns() < deadline_ns, (self.notices, len(self.rows), len(self.outcomes))
            for event in self.gate.poll(0.02):
                self._take(event)

    @property
    def passed(self) -> set[tuple[int, int]]:
        """Return the parts that the controller reports as passed."""
        return {key for key, code in self.outcomes.items() if code == "passed"}

    def serve_for(self, seconds: float) -> None:
        """Serve for so long."""
        end_ns = CLOCK.now_ns() + round(seconds * SECOND)
        self.serve(lambda: CLOCK.now_ns() >= end_ns)

    def judge(self, parts):
        """Compare the belt's record with the rows."""
        return judge(parts, [(boot, part, kind) for (boot, part), kind in self.rows.items()])

    def _take(self, event) -> None:
        self.events.append(event)
        if isinstance(event, GateNotice):
            self.notices.append(event.kind)
            return
        self.gate.recorded(event)
        key = (event.boot, event.part)
        if isinstance(event, GateOutcome):
            self.outcomes[key] = event.code.value
        elif isinstance(event, Trigger):
            allowed = self.allow(event) and self.gate.allow(order(event))
            self.rows[key] = "PASS" if allowed else "REJECT"


def order(trigger: Trigger) -> PassOrder:
    """Return the permission for a part, void when its window begins."""
    window_ns = round((TIMING.delay_ms - TIMING.guard_ms) * MS)
    return PassOrder(trigger.boot, trigger.part, trigger.at_ns + window_ns)


def wait_for(condition) -> None:
    """Wait until the condition holds; fails after a minute."""
    deadline_ns = CLOCK.now_ns() + WITHIN_NS
    while not condition():
        assert CLOCK.now_ns() < deadline_ns, "waited for a minute in vain"
        CLOCK.sleep(0.02)


def in_order(wanted, found) -> bool:
    """Whether all that is wanted was found in this order, whatever else came between."""
    rest = iter(found)
    return all(any(item == other for other in rest) for item in wanted)
