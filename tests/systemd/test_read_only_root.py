"""A root that is really read-only: the agent judges and a model is flashed all the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess

import pytest
from fake_systemd import FakeSystemd
from live_line import LINEWARDEN, RENDERED, ROOT, wait_until
from slot_line import KEY, release, write_trust

from agent.ledger.balance import read_balance
from agent.ledger.reader import Selection
from bundle.signature import read_keyring
from bundle.slots import open_slots

# What the unit leaves writable: its StateDirectory, and /run with the private /tmp.
MOUNTS = """\
set -e
mount --make-rprivate /
for kept in state run; do mount --bind "$kept" "$kept"; done
mount -o remount,bind,ro /
for place in /etc /usr /var . trust; do
    ! touch "$place/linewarden-was-here" 2>/dev/null || { echo "$place is not read-only"; exit 9; }
done
exec "$@"
"""
CONFIG = """\
[camera]
driver = "sim"
deck = 4
[belt]
rate_per_s = 8.0
[model]
slots = "state/slots"
trust = "trust"
[gate]
driver = "sim"
[ledger]
folder = "state/ledger"
[probation]
parts = 100000
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
    pytest.mark.skipif(os.getuid() != 0, reason="needs root: the root is mounted anew"),
    pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux"),
]


def _environment(folder, systemd):
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder / "run"),
        "NOTIFY_SOCKET": systemd.address,
    }


@pytest.fixture
def board(tmp_path):
    """Return a folder with the configuration and a first model; only two of its folders matter."""
    trust = write_trust(tmp_path / "trust")
    for name in ("state", "run"):
        (tmp_path / name).mkdir()
    with open_slots(tmp_path / "state/slots", read_keyring(trust)) as slots:
        slots.install(release(tmp_path, 1, KEY))
        slots.switch()
        slots.confirm()
    (tmp_path / "new.lwb").write_bytes(release(tmp_path, 2, KEY))
    (tmp_path / "agent.toml").write_text(CONFIG, "utf-8")
    return tmp_path


@pytest.fixture
def systemd():
    """Return the one that is told."""
    with FakeSystemd() as listening:
        yield listening


@pytest.fixture
def agent(board, systemd):
    """Return the agent in a mount namespace whose root nobody can write to."""
    with (board / "log").open("w+") as log:
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", MOUNTS, "sh",
             *LINEWARDEN, "run", "--config", str(board / "agent.toml")],
            cwd=board, env=_environment(board, systemd), stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_until(lambda: systemd.told or process.poll() is not None, "a word of the agent")
            said = (board / "log").read_text("utf-8")
            if "unshare: " in said or "mount: " in said:
                pytest.skip(f"needs mount namespaces: {said.strip()[:200]}")
            assert process.poll() is None, said
            yield process
        finally:
            process.kill()
            process.wait(30)


def _passed(systemd):
    found = re.search(r"PASS (\d+)", systemd.status)
    return int(found[1]) if found else 0


def test_parts_are_judged_and_a_model_flashed_on_a_read_only_root(board, systemd, agent):
    """State and /run are all that is written to."""
    wait_until(lambda: _passed(systemd) >= 5, "parts that pass")
    flashed = subprocess.run(
        ["nsenter", "-t", str(agent.pid), "--mount", *LINEWARDEN, "flash",
         str(board / "new.lwb"), "--json", "--config", str(board / "agent.toml")],
        cwd=board, env=_environment(board, systemd),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert flashed.returncode == 0, flashed.stdout + flashed.stderr
    assert json.loads(flashed.stdout)["agent"] == "judges"
    before = _passed(systemd)
    wait_until(lambda: _passed(systemd) >= before + 5, "parts that pass by the new model")
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(30) == 0, (board / "log").read_text("utf-8")
    report = read_balance(board / "state/ledger", Selection())
    assert report.balances, report.faults
    assert "Read-only file system" not in (board / "log").read_text("utf-8")
