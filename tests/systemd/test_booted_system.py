"""The package under a real systemd: installed, booted, stopped dead, upgraded, removed.

`make boot-test` makes the tree that it needs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from booted import Booted, install, wait_for

ROOT = Path(__file__).parents[2]
BASE, DEB = os.environ.get("LINEWARDEN_ROOTFS", ""), os.environ.get("LINEWARDEN_DEB", "")
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
    """A Debian tree with the package freshly installed."""
    place = tmp_path / "tree"
    install(Path(BASE), Path(DEB), place)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def board(tree):
    """The tree, booted."""
    with Booted(tree) as booted:
        yield booted


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


def _a_fresh_installation_runs_rejects_and_says_what_is_next(board):
    """No configuration: the service is up, no unit has failed, and the status names the step."""
    assert board.shows("ActiveState") == "active"
    assert "rejecting: not configured yet" in board.shows("StatusText")
    assert "sudo linewarden setup" in board.shows("StatusText")
    assert board.run("systemctl", "is-system-running").strip() == "running"
    warnings = board.run("journalctl", "-u", "linewarden", "-p", "warning", "-o", "cat")
    assert "sudo linewarden setup" in warnings


def _systemd_itself_finds_the_running_service_hardened(board):
    """At most 2.0, as the board's own systemd reckons."""
    said = board.run("systemd-analyze", "security", "--no-pager", "linewarden.service")
    assert float(re.search(r"exposure level for \S+: ([\d.]+)", said)[1]) <= 2.0


def _the_configured_agent_judges_under_all_of_the_hardening(board, tree):
    """The waiting agent takes the configuration up by itself; good parts pass the gate."""
    _configure(tree)
    board.run("systemctl", "restart", "linewarden")  # for the secret: it is read at the start
    wait_for(lambda: _parts(board)[1] >= 3)
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


def test_the_life_of_an_installation(board, tree):
    """From the fresh package to its removal: safe and told of at each step, the ledger whole."""
    _a_fresh_installation_runs_rejects_and_says_what_is_next(board)
    _systemd_itself_finds_the_running_service_hardened(board)
    _the_configured_agent_judges_under_all_of_the_hardening(board, tree)
    _the_watchdog_bites_an_agent_that_stands_still(board)
    _an_upgrade_keeps_ledger_and_configuration(board, tree)
    _removal_and_purge_keep_the_ledger(board, tree)


def _rows(tree):
    import sqlite3

    path = tree / "var/lib/linewarden/ledger/ledger.sqlite"
    copy = tree / "root/copy"
    shutil.rmtree(copy, ignore_errors=True)
    subprocess.run(["cp", "-a", str(path.parent), str(copy)], check=True)
    connection = sqlite3.connect(copy / path.name)
    try:
        return connection.execute("SELECT count(*) FROM part").fetchone()[0]
    finally:
        connection.close()
