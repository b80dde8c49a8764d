"""A service that starts while its gate is unplugged: up, rejecting, and there when the gate is."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import pytest
from fake_systemd import FakeSystemd
from live_line import LINEWARDEN, RENDERED, LiveLine, wait_until
from slot_line import events_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]


@pytest.fixture
def systemd():
    """Return the one that is told."""
    with FakeSystemd() as listening:
        yield listening


@pytest.mark.broker
def test_a_service_without_its_gate_waits_for_it_and_begins(
    tmp_path, systemd, mosquitto, subscribe
):
    """State, event and status say what is missing; a pty that appears is a gate like any other."""
    heard = subscribe(mosquitto.port, "linewarden/#")

    def states():
        return [body for body in heard.bodies if "balance" in body]

    with LiveLine(tmp_path, rate=20, parts=60, mqtt_port=mosquitto.port) as line:
        line.environment = {"NOTIFY_SOCKET": systemd.address}
        line.more = "state_every_s = 0.5\n"
        line.lead_s = 15.0
        line.prepare()
        agent = line.start_agent()  # its model judges, though there is no gate
        wait_until(lambda: "no gate: there is no serial port" in systemd.status, "the status")
        wait_until(lambda: states() and "no serial port" in states()[-1]["gate"], "the state")
        fed = systemd.fed
        wait_until(lambda: systemd.fed > fed + 2, "a fed watchdog")
        assert agent.poll() is None
        line.start_gate()
        wait_until(lambda: states()[-1]["gate"] == "in step", "the gate in the state")
        wait_until(lambda: "no gate" not in systemd.status, "the gate in the status")
        line.wait_for_belt()
        assert line.stop_agent() == 0
        assert line.balanced()["PASS"] > 10
    kinds = [body["kind"] for body in heard.bodies if body.get("kind", "").startswith("gate_")]
    assert kinds[:2] == ["gate_lost", "gate_back"]
    told = events_of(tmp_path / "ledger", "gate_lost")
    assert "plug the gate controller in" in told[0]
    assert len(events_of(tmp_path / "ledger", "started")) == 1
    assert len([text for text in systemd.told if text.startswith("READY=1")]) == 1


def test_a_port_that_another_program_has_is_waited_for_too(tmp_path, systemd):
    """The program is named, and once it lets go the line begins."""
    with LiveLine(tmp_path, rate=5, parts=5) as line:
        line.environment = {"NOTIFY_SOCKET": systemd.address}
        line.start_gate()
        thief = subprocess.Popen(
            [*LINEWARDEN, "run", "--config", str(_other_config(line))],
            env={key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"},
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            said = iter(thief.stderr.readline, "")
            assert any("ready:" in text for text in said)
            agent = line.start_agent()
            wait_until(lambda: f"(process {thief.pid})" in systemd.status, "who has the port")
        finally:
            thief.send_signal(signal.SIGTERM)
            thief.communicate(timeout=60)
        wait_until(lambda: "no gate" not in systemd.status, "the gate")
        assert agent.poll() is None
        assert line.stop_agent() == 0


def test_by_hand_a_missing_gate_is_refused_at_once(tmp_path):
    """Who types `linewarden run` looks on: one line, exit code 1."""
    with LiveLine(tmp_path) as line:
        line.prepare()
        done = subprocess.run(
            [*LINEWARDEN, "run", "--config", str(line.config)],
            env={key: value for key, value in os.environ.items() if key != "NOTIFY_SOCKET"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("linewarden: there is no serial port")
    assert "plug the gate controller in" in last


def _other_config(line):
    """Return a configuration of another agent on the same port, with a ledger of its own."""
    path = line.folder / "other.toml"
    text = line.config.read_text("utf-8").replace('"ledger"', json.dumps("other-ledger"))
    path.write_text(text, "utf-8")
    return path
