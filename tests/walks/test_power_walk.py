"""A line that judges and is flashed when the power goes: the CI's form of tests/board, no qemu.

LINEWARDEN_CUTS=300 takes more cuts; systemd is played by a socket.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from live_line import RENDERED, ROOT, LiveLine, wait_until
from slot_line import release, write_trust

PROBE = ROOT.parent / "shared" / "tools" / "powercut_probe.py"
CUTS = int(os.environ.get("LINEWARDEN_CUTS", "3"))
LIMIT_S = 120 + 60 * CUTS
RELEASES = 40  # more than are flashed before the latest cut
WATCHDOG_S = 3.0
SECOND = 1_000_000_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]


@pytest.mark.timeout(LIMIT_S)
def test_a_line_that_is_flashed_survives_power_cuts(tmp_path):
    """Every part that passed has its PASS; one whole trusted model judges; the ledger is whole."""
    if not PROBE.exists():
        pytest.skip("skipped: needs ../shared/tools/powercut_probe.py")
    can = subprocess.run([sys.executable, PROBE, "--can-run"], capture_output=True, check=False)
    if can.returncode:
        pytest.skip("needs root, loop devices and ext4")
    made = tmp_path / "made"
    made.mkdir()
    write_trust(made / "trust")
    for number in range(1, RELEASES + 1):
        (made / f"{number:03}.lwb").write_bytes(release(tmp_path, number))
    script = f"{sys.executable} {ROOT / 'tests' / 'support' / 'power_walk.py'}"
    paths = [str(ROOT), str(ROOT / "tests" / "support"), *filter(None, sys.path)]
    done = subprocess.run(
        [
            *(sys.executable, PROBE, "--cuts", str(CUTS), "--seed", "3", "--json"),
            *("--size-mb", "128", "--min-ms", "4000", "--max-ms", "16000"),
            *("--budget-s", str(LIMIT_S)),
            *("--check", f"{script} check {{mount}} {{acks}} {made}"),
            *("--", *script.split(), "run", "{mount}", made),
        ],
        capture_output=True, text=True, check=False, cwd=tmp_path, timeout=LIMIT_S,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    cuts = [json.loads(line) for line in done.stdout.splitlines()]
    assert any("passed 0," not in cut.get("check", "passed 0,") for cut in cuts), done.stdout


class Systemd:
    """Does to a service what systemd does: hears it, and ends one that falls silent."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        self.ready = False

    def __enter__(self) -> Systemd:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def watch(self, process: subprocess.Popen, patience_s: float = 90.0) -> None:
        """Hear the service until it has been silent for too long; then end it, as unit says."""
        self._socket.settimeout(WATCHDOG_S)
        end_s = time.monotonic() + patience_s
        with contextlib.suppress(TimeoutError):
            while time.monotonic() < end_s:
                self._socket.recv(4096)
        process.send_signal(signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)  # a stopped process cannot even abort: TimeoutAbortSec
        process.kill()
        process.wait(30)

    def hears(self) -> str:
        """Return the next thing that the service says."""
        self._socket.settimeout(60)
        return self._socket.recv(4096).decode()


def test_the_watchdog_bites_and_the_gate_was_safe_meanwhile(tmp_path, monkeypatch):
    """Stopped dead: nothing passes until another agent is ready, and then parts pass again."""
    with LiveLine(tmp_path, rate=10, parts=100_000) as line, Systemd(f"{tmp_path}/n") as systemd:
        monkeypatch.setenv("NOTIFY_SOCKET", systemd.path)
        line.start_gate()
        agent = line.start_agent()
        assert "READY=1" in systemd.hears()

        def passed(since=0):
            return [p for p in line.met() if p["opened_for"] and p["at_gate_ns"] > since]

        wait_until(passed, "a part let through")
        agent.send_signal(signal.SIGSTOP)
        stopped_ns = time.monotonic_ns()
        systemd.watch(agent)
        killed_ns = time.monotonic_ns()
        line.start_agent()
        wait_until(lambda: passed(killed_ns), "a part let through again")
        # The controller waits half a second for its host; until then permissions hold.
        first = passed(stopped_ns + SECOND)[0]["at_gate_ns"]
        assert first > killed_ns
        assert sum(stopped_ns + SECOND < p["at_gate_ns"] < killed_ns for p in line.met()) > 10
        assert line.stop_agent() == 0
