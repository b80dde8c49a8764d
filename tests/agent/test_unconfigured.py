"""An agent without a configuration is alive, rejects, and says what to do next."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent.errors import ConfigError, GateError, LedgerError
from agent.process import run_agent
from agent.unconfigured import is_unconfigured, wait_for_start

ROOT = Path(__file__).parents[2]
GOOD = (
    "[camera]\ndriver = 'sim'\n[model]\nbundle = 'model.lwb'\n[gate]\ndriver = 'sim'\n"
    "[ledger]\nfolder = 'state'\n"
)


def wait_for_config(path, told, stop):
    """Wait as an agent does that needs nothing but its configuration."""
    return wait_for_start(path, lambda config: config, told, stop, 0.001)


class Told:
    """What systemd would have been told, and a stop after so many times."""

    def __init__(self, stop=None, times=3):
        self.lines = []
        self._stop, self._times = stop, times

    def ready(self, status):
        """Keep it."""
        self.lines.append(("ready", status))

    def alive(self, status):
        """Keep it, and stop when it was enough."""
        self.lines.append(("alive", status))
        if self._stop is not None and len(self.lines) > self._times:
            self._stop.set()

    def stopping(self):
        """Keep it."""
        self.lines.append(("stopping", ""))


@pytest.mark.parametrize("text", [None, "", "# [camera]\n# driver = 'sim'\n"])
def test_no_file_and_one_of_comments_are_not_configured_yet(tmp_path, text):
    """That is how the installer leaves it."""
    path = tmp_path / "agent.toml"
    if text is not None:
        path.write_text(text, "utf-8")
    assert is_unconfigured(path)


@pytest.mark.parametrize("text", [GOOD, "[camera]\n", "not TOML", "\xff"])
def test_a_file_with_anything_in_it_is_a_configuration(tmp_path, text):
    """A wrong one is a fault to be told, not a fresh installation."""
    path = tmp_path / "agent.toml"
    path.write_bytes(text.encode("latin-1"))
    assert not is_unconfigured(path)


def test_while_it_waits_the_watchdog_is_fed_and_the_next_step_told(tmp_path):
    """READY once, then the watchdog at every look, with the line to type; then it stops."""
    stop = threading.Event()
    told = Told(stop)
    assert wait_for_config(tmp_path / "none.toml", told, stop) is None
    kinds = [kind for kind, _ in told.lines]
    assert kinds[0] == "ready"
    assert kinds.count("ready") == 1
    assert kinds.count("alive") >= 3
    assert kinds[-1] == "stopping"
    assert all("sudo linewarden setup" in line for kind, line in told.lines if kind != "stopping")
    assert all(line.startswith("rejecting") for kind, line in told.lines if kind != "stopping")


def test_a_wrong_configuration_is_told_and_waited_for(tmp_path):
    """No restart loop: the status names the key, and the mended file is taken up."""
    path = tmp_path / "agent.toml"
    path.write_text(GOOD + "[timing]\ndelay_msec = 3\n", "utf-8")
    stop = threading.Event()

    class Mended(Told):
        def alive(self, status):
            super().alive(status)
            path.write_text(GOOD, "utf-8")

    told = Mended()
    config = wait_for_config(path, told, stop)
    assert config is not None
    assert config.gate.driver == "sim"
    assert "timing.delay_msec" in told.lines[0][1]
    assert "delay_ms" in told.lines[0][1]


def test_a_good_configuration_is_not_waited_for(tmp_path):
    """Nothing is said of waiting when there is nothing to wait for."""
    path = tmp_path / "agent.toml"
    path.write_text(GOOD, "utf-8")
    told = Told()
    assert wait_for_config(path, told, threading.Event()) is not None
    assert told.lines == []


def test_what_keeps_it_from_starting_is_told_once_and_tried_again(tmp_path, monkeypatch, caplog):
    """A disk that is full, say: no restart loop, and it begins by itself when that has passed."""
    monkeypatch.setattr("agent.unconfigured.AGAIN_S", 0.003)
    path = tmp_path / "agent.toml"
    path.write_text(GOOD, "utf-8")
    tries = iter([LedgerError("no room in the ledger")] * 3)
    told = Told()

    def start(config):
        for error in tries:
            raise error
        return config.gate.driver

    assert wait_for_start(path, start, told, threading.Event(), every_s=0.001) == "sim"
    assert {line for _, line in told.lines} == {
        "rejecting: no room in the ledger; it is tried again"
    }
    assert [kind for kind, _ in told.lines].count("ready") == 1
    assert len([line for line in caplog.messages if "no room" in line]) == 1


def test_a_start_that_failed_ends_at_once_when_asked_to(tmp_path):
    """`systemctl stop` is not kept waiting by what is lacking."""
    path, stop = tmp_path / "agent.toml", threading.Event()
    path.write_text(GOOD, "utf-8")

    def start(_config):
        raise GateError("nothing there")

    assert wait_for_start(path, start, Told(stop), stop, every_s=0.001) is None


def test_in_a_terminal_a_missing_configuration_is_an_error(tmp_path, monkeypatch):
    """Who types `linewarden run` is told at once, and not left waiting."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with pytest.raises(ConfigError, match="sudo linewarden setup"):
        run_agent(tmp_path / "agent.toml")


def test_the_process_waits_without_camera_and_model_libraries_and_stops_at_once(tmp_path):
    """A service under a notify socket: READY, fed, small, and gone on SIGTERM with code 0."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(path)
        channel.settimeout(60)
        process = subprocess.Popen(
            [sys.executable, "-m", "linewarden", "run", "--config", str(tmp_path / "agent.toml")],
            cwd=ROOT,
            env=dict(os.environ, NOTIFY_SOCKET=path),
            stderr=subprocess.PIPE,
        )
        try:
            said = [channel.recv(500) for _ in range(2)]
            loaded = Path(f"/proc/{process.pid}/maps").read_text("utf-8")
            process.send_signal(signal.SIGTERM)
            error = process.communicate(timeout=60)[1].decode()
        finally:
            process.kill()
            process.wait()
    assert said[0].startswith(b"READY=1\nSTATUS=rejecting: not configured yet")
    assert said[1].startswith(b"WATCHDOG=1\nSTATUS=rejecting: not configured yet")
    assert "sudo linewarden setup" in error
    assert process.returncode == 0
    assert "/cv2/" not in loaded
    assert "ai_edge_litert" not in loaded
