"""The package under a real systemd: installed, configured, stopped dead, upgraded, removed.

`make boot-test` makes the tree that it needs, and shows the figures.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from booted import Booted, install, wait_for

ROOT = Path(__file__).parents[2]
BASE, DEB = os.environ.get("LINEWARDEN_ROOTFS", ""), os.environ.get("LINEWARDEN_DEB", "")
FIGURES = ROOT / "out/boot-test/figures.json"
MODEL = "rendered-mobilenet_v2-int8.lwb"
CONFIG = f"""\
[camera]
driver = "sim"
[belt]
rate_per_s = 2.0
[model]
bundle = "/var/lib/linewarden/{MODEL}"
[timing]
delay_ms = 1500.0
frame_within_ms = 40.0
min_pitch_ms = 50.0
[gate]
driver = "sim"
[ledger]
folder = "/var/lib/linewarden/ledger"
[mqtt]
host = "127.0.0.1"
username = "me"
password_file = "/run/credentials/linewarden.service/mqtt-password"
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not (BASE and DEB), reason="needs a booted tree: make boot-test"),
    pytest.mark.skipif(shutil.which("systemd-nspawn") is None, reason="needs systemd-container"),
]


@pytest.fixture
def tree(tmp_path):
    """A bare Debian tree with the package lying in it."""
    place = tmp_path / "tree"
    subprocess.run(["cp", "-a", BASE, str(place)], check=True)
    shutil.copy(DEB, place / "root/linewarden.deb")
    yield place
    shutil.rmtree(place)


@pytest.fixture
def board(tree):
    """The tree, booted."""
    with Booted(tree) as booted:
        yield booted


@pytest.fixture(scope="module")
def figures():
    """Return a table for what was measured; it is kept in out/boot-test/figures.json."""
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    measured = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    measured["deb_mb"] = round(Path(DEB).stat().st_size / 1e6, 1)
    yield measured
    FIGURES.write_text(json.dumps(measured, indent=1) + "\n", "utf-8")


def _configure(tree):
    shutil.copy(ROOT / "examples" / MODEL, tree / "var/lib/linewarden" / MODEL)
    (tree / "var/lib/linewarden" / MODEL).chmod(0o644)
    secret = tree / "etc/linewarden/credentials/mqtt-password"
    secret.write_text("secret", "utf-8")
    secret.chmod(0o600)
    (tree / "etc/linewarden/agent.toml").write_text(CONFIG, "utf-8")


def _parts(board):
    found = re.search(r"(\d+) parts: PASS (\d+)", board.shows("StatusText"))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _memory_mb(board, name="VmRSS"):
    """Return the agent's memory in MB: all of it, or with `RssAnon` what no file stands behind."""
    status = board.run("cat", f"/proc/{board.shows('ExecMainPID')}/status")
    return round(int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 1000, 1)


def _an_installation_runs_rejects_and_says_what_is_next(board, figures):
    """No configuration: the service is up, no unit has failed, and the status names the step."""
    begun_s = time.monotonic()
    board.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-i", "/root/linewarden.deb")
    wait_for(lambda: "rejecting: not configured yet" in board.shows("StatusText"))
    figures["install_to_rejecting_s"] = round(time.monotonic() - begun_s, 1)
    assert board.shows("ActiveState") == "active"
    assert "sudo linewarden setup" in board.shows("StatusText")
    assert board.run("systemctl", "is-system-running").strip() == "running"
    warnings = board.run("journalctl", "-u", "linewarden", "-p", "warning", "-o", "cat")
    assert "sudo linewarden setup" in warnings
    figures["unconfigured_rss_mb"] = _memory_mb(board)


def _systemd_itself_finds_the_running_service_hardened(board, figures):
    """At most 2.0, as the board's own systemd reckons."""
    said = board.run("systemd-analyze", "security", "--no-pager", "linewarden.service")
    figures["security"] = float(re.search(r"exposure level for \S+: ([\d.]+)", said)[1])
    assert figures["security"] <= 2.0


def _the_configured_agent_judges_under_all_of_the_hardening(board, tree, figures):
    """Good parts pass the gate; nothing that the agent needs is shut off."""
    _configure(tree)
    board.run("systemctl", "restart", "linewarden")  # for the secret: it is read at the start
    wait_for(lambda: _parts(board)[1] >= 3)
    began, ready = (
        int(board.shows(f"{name}TimestampMonotonic")) for name in ("InactiveExit", "ActiveEnter")
    )
    figures["start_to_ready_s"] = round((ready - began) / 1e6, 1)
    figures["judging_rss_mb"] = _memory_mb(board)
    figures["judging_anon_mb"] = _memory_mb(board, "RssAnon")
    pid = board.shows("ExecMainPID")
    status = board.run("cat", f"/proc/{pid}/status")
    assert "Seccomp:\t2" in status
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    errors = board.run("journalctl", "-b", "-u", "linewarden", "-p", "err", "-o", "cat")
    assert "Operation not permitted" not in errors


def _the_watchdog_bites_an_agent_that_stands_still(board):
    """Stopped dead it is killed and started again, and judges parts as before."""
    before = board.shows("ExecMainPID")
    board.run("kill", "-STOP", before)
    wait_for(lambda: board.shows("NRestarts") != "0")
    wait_for(lambda: _parts(board)[1] >= 1 and board.shows("ActiveState") == "active")
    assert board.shows("ExecMainPID") != before
    said = board.run("journalctl", "-b", "-u", "linewarden", "-o", "cat")
    assert "Watchdog timeout" in said
    assert "most recent call first" in said  # where every lane stood


def _an_upgrade_keeps_ledger_and_configuration(board, tree):
    """The same package again: stopped, exchanged, started; not a row is lost."""
    board.run("systemctl", "stop", "linewarden")
    rows = _rows(tree)
    assert rows > 0
    said = board.run("dpkg", "-i", "/root/linewarden.deb")
    assert "Unpacking linewarden" in said
    assert (tree / "etc/linewarden/agent.toml").read_text("utf-8") == CONFIG
    wait_for(lambda: board.shows("ActiveState") == "active")
    assert _rows(tree) >= rows


def _removal_and_purge_keep_the_ledger(board, tree):
    """Programs and configuration go; the rows stay until their own question is answered yes."""
    board.run("dpkg", "-r", "linewarden")
    assert not (tree / "opt/linewarden/bin/linewarden").exists()
    rows = _rows(tree)
    assert (tree / "etc/linewarden/agent.toml").exists()
    board.run("env", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-P", "linewarden")
    assert not (tree / "etc/linewarden").exists()
    assert _rows(tree) == rows


def test_the_life_of_an_installation(board, tree, figures):
    """From the fresh package to its removal: safe and told of at each step, the ledger whole."""
    _an_installation_runs_rejects_and_says_what_is_next(board, figures)
    _systemd_itself_finds_the_running_service_hardened(board, figures)
    _the_configured_agent_judges_under_all_of_the_hardening(board, tree, figures)
    _the_watchdog_bites_an_agent_that_stands_still(board)
    _an_upgrade_keeps_ledger_and_configuration(board, tree)
    _removal_and_purge_keep_the_ledger(board, tree)


def test_the_unit_works_on_a_read_only_root(tree, tmp_path):
    """Only /var/lib/linewarden, /run and /tmp need be written to; without the first it says so."""
    shutil.rmtree(tree)
    install(Path(BASE), Path(DEB), tree)
    _configure(tree)
    state = tmp_path / "state"
    subprocess.run(["cp", "-a", str(tree / "var/lib/linewarden"), str(state)], check=True)
    read_only = ["--read-only", "--tmpfs=/tmp"]
    with Booted(tree, *read_only) as board:
        assert "Read-only" in board.run("sh", "-c", "touch /etc/x /opt/linewarden/x 2>&1")
        wait_for(lambda: "rejecting: " in board.shows("StatusText"))
        assert "cannot be written: Read-only file system" in board.shows("StatusText")
        assert board.shows("NRestarts") == "0"
    with Booted(tree, *read_only, f"--bind={state}:/var/lib/linewarden") as board:
        wait_for(lambda: _parts(board)[1] >= 3)
        assert board.shows("NRestarts") == "0"
        board.run("systemctl", "stop", "linewarden")
        assert board.shows("Result") == "success"
    assert _rows(tree, state) >= 3


def _rows(tree, state=None):
    import sqlite3

    path = (state or tree / "var/lib/linewarden") / "ledger/ledger.sqlite"
    copy = tree / "root/copy"
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["cp", "-a", str(path.parent), str(copy)], check=True)
    connection = sqlite3.connect(copy / path.name)
    try:
        return connection.execute("SELECT count(*) FROM part").fetchone()[0]
    finally:
        connection.close()
