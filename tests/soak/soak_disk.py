"""What the disk and the broker do to the ledger: power cuts, and an outage of days."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from ledger_writer import CHECK, WRITER
from outage import Arrivals, InstantBroker, Outage, memory_bytes

ROOT = Path(__file__).parents[2]
PROBE = ROOT.parent / "shared" / "tools" / "powercut_probe.py"
MOST_GROWTH = 8 * 1024 * 1024


def run_outage(first: int, count: int, seed: int) -> Counter:
    """Let so many parts go by without a broker, then drain: flat memory, in order, complete."""
    del first, seed
    arrivals = Arrivals()
    broker = InstantBroker(arrivals, cut_every=9973)
    with tempfile.TemporaryDirectory(prefix="linewarden-soak-") as name:
        outage = Outage(Path(name))
        lane = outage.lane(broker)
        outage.away(min(2000, count))
        before = memory_bytes()
        outage.away(count - outage.count)
        outage.drain(lane)
        grown = memory_bytes() - before
        outage.ledger.close()
    assert arrivals.parts == count, f"{arrivals.parts} of {count} arrived"
    assert arrivals.repeats <= 20 * broker.cuts
    assert grown < MOST_GROWTH, f"memory grew by {grown / 1e6:.1f} MB"
    return Counter(rows=count, repeats=arrivals.repeats, cuts=broker.cuts, states=broker.states)


def can_cut() -> bool:
    """Tell whether this machine can cut the power of a file system."""
    if not PROBE.exists():
        return False
    command = [sys.executable, str(PROBE), "--can-run"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run_cuts(first: int, count: int, seed: int) -> Counter:
    """Cut the power so often while a ledger is written: nothing promised is missing."""
    with tempfile.TemporaryDirectory(prefix="linewarden-soak-") as name:
        script = Path(name) / "writer.py"
        script.write_text(WRITER)
        command = [
            *(sys.executable, str(PROBE), "--cuts", str(count), "--seed", str(seed + first)),
            *("--min-ms", "600", "--max-ms", "1800"),
            *("--check", f'{sys.executable} -c "{CHECK}" {{mount}} {{acks}}'),
            *("--", sys.executable, str(script), "{mount}", "1"),
        ]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment, cwd=name
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return Counter(cuts=count)
