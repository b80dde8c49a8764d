"""A line on an emulated board: set up, watched, and judged at its end by four accounts."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from board_judge import disagreements
from board_wire import Cable, permissions
from emulated_board import TIMING, EmulatedBoard, belt, config, wait_for
from gate_process import GateProcess

DELAY_NS = round(TIMING["delay_ms"] * 1e6)
# vivid's pictures as the tests' model sees them: colour bars pass, checkers do not.
GOOD_PATTERN, BAD_PATTERN = 0, 10


@dataclass
class Line:
    """Board, belt and subscriber of one line, and every cable that ever joined them."""

    board: EmulatedBoard
    gate: GateProcess
    heard: Any
    cables: list[Cable] = field(default_factory=list)
    states: Any = None  # a subscriber to `state`, where a test asks for one

    @contextmanager
    def plugged(self, line: str = "ttyS1") -> Iterator[None]:
        """Join the board's serial line to the controller."""
        with self.board.cable(self.gate, line) as cable:
            self.cables.append(cable)
            yield

    def show(self, pattern: int) -> None:
        """Put other parts before the camera."""
        self.board.run(f"v4l2-ctl -d /dev/video0 -c test_pattern={pattern}")

    def wait_for_more(self, verdict: str, count: int = 3) -> None:
        """Wait until the agent has given a verdict so many times more."""
        start = self.board.counts().get(verdict, 0)

        def more() -> bool:
            now = self.board.counts().get(verdict, 0)
            return now >= start + count or 0 < count <= now < start  # the agent was restarted

        wait_for(more, lambda: f"{count} more {verdict}; {self.account()}")

    def account(self) -> str:
        """Say how the board itself sees its line, for whoever waited in vain."""
        reasons = Counter(row["reason"] for row in self.board.rows()[-20:])
        told = [row["text"] for row in self.board.rows("event")[-5:]]
        return f"{self.board.shows('StatusText')}; the last parts: {dict(reasons)}; {told}"

    def passed_between(self, begin_ns: int, end_ns: int) -> tuple[int, int]:
        """Return how many parts met the gate in that time of this host, and how many passed."""
        met = [part for part in self.gate.parts() if begin_ns <= part.at_gate_ns < end_ns]
        return len(met), sum(part.passed for part in met)

    def stop(self) -> int:
        """Stop the agent in good order; returns until when (of this host) its parts count."""
        until_ns = time.monotonic_ns()
        self.board.run("systemctl stop linewarden")
        wait_for(lambda: time.monotonic_ns() > until_ns + DELAY_NS, "the last part")
        return until_ns

    def assert_agreed(self, until_ns: int) -> None:
        """Fail with every disagreement of the four accounts."""
        found = self.complaints(until_ns)
        assert not found, "\n".join(found)

    def complaints(self, until_ns: int) -> list[str]:
        """Hold belt, wire, ledger and subscriber together, for parts that came before a moment."""
        parts = self.gate.parts()
        counted = [part for part in parts if part.at_gate_ns - DELAY_NS < until_ns]
        last: dict[int, int] = {}
        for part in counted:
            last[part.boot] = max(last.get(part.boot, 0), part.part or 0)
        rows = [r for r in self.board.rows() if r["gate_part"] <= last.get(r["boot"], 2**32)]
        known = {row["seq"] for row in rows}
        results = [body for body in self.heard.bodies if body["seq"] in known]
        sent = set().union(*(permissions(cable.said) for cable in self.cables))
        wire = {(boot, part) for boot, part in sent if part <= last.get(boot, 2**32)}
        return disagreements(counted, wire, rows, results)


@contextmanager
def running_line(
    board: EmulatedBoard, folder: Path, broker: Any, subscribe: Any, **options: Any
) -> Iterator[Line]:
    """Give a board a line: controller, belt without end, subscriber, configuration."""
    port, serial = options.pop("port", "/dev/ttyS1"), options.pop("serial", "ttyS1")
    probation, camera = options.pop("probation", ""), options.pop("camera", "")
    heard = subscribe(broker.port, "linewarden/+/+/+/+/result")
    # Its first part comes once the agent has had time to load.
    with belt(folder, lead_s=60.0, **options) as gate:
        line = Line(board, gate, heard)
        with line.plugged(serial):
            text = config(broker.port, port, probation, camera)
            board.put(text.encode(), "/etc/linewarden/agent.toml")
            wait_for(lambda: "vivid-" in board.shows("StatusText"), "a model that judges")
            yield line


def seconds_of(board: EmulatedBoard, unit: str = "linewarden") -> float:
    """Return how long the unit took from its start to READY, by the board's own clock."""
    begun = int(board.shows("InactiveExitTimestampMonotonic", unit))
    ready = int(board.shows("ActiveEnterTimestampMonotonic", unit))
    return (ready - begun) / 1e6


def figures_of(board: EmulatedBoard) -> dict[str, int]:
    """Return the memory of the running agent in MB: its own, and with the files it has mapped."""
    text = board.run(f"cat /proc/{board.shows('MainPID')}/status")
    found = re.findall(r"(RssAnon|VmRSS):\s+(\d+) kB", text)
    return {name: int(kilobytes) // 1024 for name, kilobytes in found}
