"""The ledger under kills and power cuts: what was promised is there."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from ledger_writer import CHECK, ROOT, WRITER, compare, writer

from agent.clock import SystemClock
from agent.ledger.store import open_ledger

PROBE = ROOT.parent / "shared" / "tools" / "powercut_probe.py"


def test_what_was_promised_survives_kill_9_at_any_moment(tmp_path: Path) -> None:
    """Twenty lives on one ledger, each killed somewhere: rows >= promises, no number reused."""
    chance = random.Random(11)
    promises: list[str] = []
    for life in range(1, 21):
        process = writer(tmp_path, life)
        promises += [process.stdout.readline().strip() for _ in range(chance.randint(1, 400))]
        process.kill()
        promises += process.stdout.read().split("\n")[:-1]
        process.stdout.close()
        process.stderr.close()
        process.wait()
        compare(tmp_path, promises)
    ledger = open_ledger(tmp_path, SystemClock())
    balance = ledger.balance()
    ledger.close()
    assert balance.holds
    assert balance.in_work == 0
    assert balance.triggers >= sum(line.startswith("open") for line in promises)
    assert ledger.findings == ()


@pytest.mark.slow
def test_what_was_promised_survives_power_cuts(tmp_path: Path) -> None:
    """An ext4 that forgets what was not synced: 25 cuts, nothing promised is missing."""
    if not PROBE.exists():
        pytest.skip("needs ../shared/tools/powercut_probe.py")
    if subprocess.run(
        [sys.executable, PROBE, "--can-run"], capture_output=True, check=False
    ).returncode:
        pytest.skip("needs root, loop devices and ext4")
    script = tmp_path / "writer.py"
    script.write_text(WRITER)
    done = subprocess.run(
        [
            *(sys.executable, PROBE, "--cuts", "25", "--seed", "5"),
            *("--min-ms", "600", "--max-ms", "1800"),
            *("--check", f'{sys.executable} -c "{CHECK}" {{mount}} {{acks}}'),
            *("--", sys.executable, script, "{mount}", "1"),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr
