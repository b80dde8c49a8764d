"""What `linewarden doctor` finds wrong, and what it says to type."""

from __future__ import annotations

import errno
import json
import os
import pty
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer
from bundles import write_scripted
from typer.testing import CliRunner

from agent.clock import ManualClock
from agent.config.document import Mqtt
from agent.doctor import broker_check, device_checks
from agent.doctor.broker_check import check_broker
from agent.doctor.command import doctor
from agent.doctor.device_checks import check_camera, check_gate
from agent.doctor.disk_checks import check_disk
from agent.doctor.finding import Level
from agent.doctor.system_checks import check_clock, check_groups, check_service


def levels(found):
    """Return the level of each subject."""
    return {each.subject: each.level.value for each in found}


def test_the_camera_is_opened_unless_the_agent_has_it(configured):
    """A frame is the proof."""
    from agent.clock import SystemClock

    config = configured()
    found = check_camera(config, SystemClock(), running=False)
    assert (found.level, "gives 300x300" in found.text) == (Level.OK, True)
    assert "the agent has it" in check_camera(config, ManualClock(), running=True).text


def test_a_camera_without_frames_is_a_fault(configured, monkeypatch):
    """It opened, and then nothing came."""
    clock = ManualClock()

    class Dark:
        def open(self):
            """Open."""

        def read(self, timeout_s):
            """Give nothing."""
            clock.sleep(timeout_s)

        def close(self):
            """Close."""

    monkeypatch.setattr(device_checks, "open_camera", lambda *_: Dark())
    found = check_camera(configured(), clock, running=False)
    assert (found.level, found.text) == (Level.FAULT, "0 of 5 frames within 15 s")


def test_a_gate_that_is_not_there_or_taken_is_a_fault(configured, tmp_path):
    """Its port is looked at and not opened; the agent may have it."""
    ours, theirs = pty.openpty()
    name = os.ttyname(theirs)
    config = configured(gate="controller", port=f'port = "{name}"')
    taken = check_gate(config, running=False)
    assert (taken.level, f"process {os.getpid()}" in taken.text) == (Level.FAULT, True)
    assert check_gate(config, running=True).level is Level.OK
    os.close(theirs)
    assert check_gate(config, running=False).level is Level.OK
    os.close(ours)
    assert check_gate(config, running=False).level is Level.FAULT
    (tmp_path / "file").touch()
    config = configured(gate="controller", port=f'port = "{tmp_path / "file"}"')
    assert "is no serial port" in check_gate(config, running=False).text
    assert check_gate(configured(), running=False).level is Level.WARNING


def test_a_device_of_another_kind_is_a_fault(configured):
    """A character device alone is neither a port nor a camera."""
    found = check_gate(configured(gate="controller", port='port = "/dev/null"'), running=False)
    assert (found.level, "is no serial port" in found.text) == (Level.FAULT, True)


def test_no_right_to_a_port_names_the_group(configured, monkeypatch):
    """What every technician meets once."""
    ours, theirs = pty.openpty()
    config = configured(gate="controller", port=f'port = "{os.ttyname(theirs)}"')
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = check_gate(config, running=False)
    os.close(theirs)
    os.close(ours)
    assert (found.level, "usermod -aG dialout" in found.next) == (Level.FAULT, True)


def test_a_disk_is_full_tight_slow_or_fine(tmp_path, monkeypatch):
    """By its free bytes, its free names, and what a durable write takes."""
    assert levels(check_disk(tmp_path, ManualClock())) == {"disk": "ok", "disk pace": "ok"}
    assert check_disk(tmp_path / "none", ManualClock())[0].level is Level.FAULT

    def disk(blocks, names=9):
        return lambda _: os.statvfs_result(
            (4096, 4096, 10**9, blocks, blocks, 9, names, names, 0, 255)
        )

    for stat, level in ((disk(10), "fault"), (disk(100_000), "warning"), (disk(10**8, 0), "fault")):
        monkeypatch.setattr(os, "statvfs", stat)
        assert levels(check_disk(tmp_path, ManualClock()))["disk"] == level


def test_a_slow_card_and_a_read_only_one_are_told(tmp_path, monkeypatch):
    """One wears and waits, the other takes nothing."""
    clock = ManualClock()
    monkeypatch.setattr(os, "fsync", lambda _: clock.sleep(0.2))
    slow = check_disk(tmp_path, clock)[1]
    assert (slow.level, "takes 200.0 ms" in slow.text) == (Level.WARNING, True)

    def read_only(_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "fsync", read_only)
    assert check_disk(tmp_path, clock)[1].level is Level.FAULT
    assert list(tmp_path.iterdir()) == []


def test_the_clock_is_warned_of_where_nobody_set_it():
    """Nothing is decided by it."""
    clock = ManualClock(wall_ns=1_800_000_000_000_000_000)
    assert check_clock(clock).level is Level.OK
    clock.wall_known = False
    assert check_clock(clock).level is Level.WARNING
    assert "years behind" in check_clock(ManualClock(wall_ns=0)).text


@pytest.mark.parametrize(
    ("changed", "running", "level"),
    [
        ({}, True, Level.OK),
        ({"ActiveState": "failed"}, False, Level.FAULT),
        ({"UnitFileState": "disabled"}, True, Level.WARNING),
        ({"NRestarts": "3"}, True, Level.WARNING),
        ({"LoadState": "not-found"}, False, Level.WARNING),
        ({"LoadState": "not-found"}, True, Level.OK),
        (None, True, Level.OK),
    ],
)
def test_the_service_is_looked_at(changed, running, level):
    """Active, enabled, and not started again and again."""
    facts = {
        "LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled",
        "NRestarts": "0", "StatusText": "judging",
    }  # fmt: skip
    given = None if changed is None else facts | changed
    assert check_service(given, running=running).level is level


def test_the_services_user_needs_its_groups(monkeypatch):
    """Without them neither camera nor gate opens."""
    import pwd

    monkeypatch.setattr(pwd, "getpwnam", lambda name: name)
    assert check_groups(lambda _: ["linewarden"]).level is Level.OK
    found = check_groups(lambda group: ["linewarden"] if group == "video" else [])
    assert (found.level, "usermod -aG dialout linewarden" in found.next) == (Level.WARNING, True)


@pytest.mark.broker
def test_a_broker_that_lets_us_in_is_fine(mosquitto):
    """And none that is configured is fine, too."""
    assert check_broker(Mqtt(), clock_known=True).level is Level.OK
    found = check_broker(Mqtt(host="127.0.0.1", port=mosquitto.port), clock_known=True)
    assert found.level is Level.OK


@pytest.mark.broker
def test_a_broker_that_refuses_us_is_a_warning(make_mosquitto, tmp_path):
    """Which of the options to look at is said; the line judges all the same."""
    (tmp_path / "secret").write_text("wrong\n")
    (tmp_path / "users").write_text("")
    (tmp_path / "users").chmod(0o644)
    settings = f"allow_anonymous false\npassword_file {tmp_path}/users\n"
    section = Mqtt(
        host="127.0.0.1",
        port=make_mosquitto(settings).port,
        username="agent",
        password_file=str(tmp_path / "secret"),
    )
    found = check_broker(section, clock_known=True)
    assert (found.level, "refused us" in found.text) == (Level.WARNING, True)
    assert "mqtt.password_file" in found.next


@pytest.mark.broker
def test_a_broker_that_is_not_there_or_silent_is_a_warning(mosquitto, monkeypatch, tmp_path):
    """The line judges all the same."""
    monkeypatch.setattr(broker_check, "PATIENCE_S", 0.3)
    section = Mqtt(host="127.0.0.1", port=mosquitto.port)
    mosquitto.freeze()
    assert "does not answer" in check_broker(section, clock_known=True).text
    mosquitto.kill()
    found = check_broker(section, clock_known=True)
    assert (found.level, "cannot be reached" in found.text) == (Level.WARNING, True)
    secret = section.model_copy(update={"password_file": str(tmp_path / "none")})
    assert "password_file" in check_broker(secret, clock_known=True).text


def run(config: Path, *arguments):
    """Run the command."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(doctor)
    return CliRunner().invoke(app, ["--config", str(config), *arguments])


def test_the_doctor_says_what_to_type_and_ends_with_1_on_a_fault(configured, tmp_path):
    """As a table and as JSON, for a new device and for a configured one."""
    result = run(tmp_path / "none.toml")
    assert result.exit_code == 1
    assert "configuration: `sudo linewarden setup`" in result.output
    configured()
    result = run(tmp_path / "agent.toml", "--json")
    answer = json.loads(result.output)
    subjects = {each["subject"]: each["level"] for each in answer["findings"]}
    assert (result.exit_code, answer["faults"]) == (1, 2)
    assert {name for name, level in subjects.items() if level == "fault"} == {"trust", "model"}
    assert {"configuration", "camera", "gate", "disk", "broker", "clock", "service", "user"} <= set(
        subjects
    )


def test_the_doctor_is_content_with_a_line_that_is_well(flashed, tmp_path):
    """Warnings do not end with 1."""
    flashed()
    result = run(tmp_path / "agent.toml")
    assert result.exit_code == 0, result.output
    assert "fault" not in result.output


def test_a_whole_model_that_cannot_judge_here_is_a_fault(configured, tmp_path):
    """Its file is as it was flashed, and the interpreter does not take it."""
    write_scripted(tmp_path / "m.lwb")
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures/one.png"), np.full((64, 64), 90, np.uint8))
    configured(model='bundle = "m.lwb"')
    file = tmp_path / "agent.toml"
    replay = 'driver = "replay"\nfolder = "pictures"\n'
    file.write_text(file.read_text().replace('driver = "sim"\n', replay, 1))
    result = run(tmp_path / "agent.toml", "--json")
    faults = [each for each in json.loads(result.output)["findings"] if each["level"] == "fault"]
    assert [each["subject"] for each in faults] == ["model"]
    assert "the model cannot be loaded here" in faults[0]["text"]
    assert result.exit_code == 1


def test_what_check_config_only_notes_is_told_as_a_note(configured, tmp_path):
    """It is neither fault nor warning, and asks for nothing to be typed."""
    ours, theirs = pty.openpty()
    configured(gate="controller", port=f'port = "{os.ttyname(theirs)}"')
    found = json.loads(run(tmp_path / "agent.toml", "--json").output)["findings"]
    shown = run(tmp_path / "agent.toml").output
    os.close(theirs)
    os.close(ours)
    (note,) = [each for each in found if each["level"] == "note"]
    assert (note["subject"], note["next"]) == ("configuration", "")
    assert "an agent that starts now would not get it" in note["text"]
    assert "note " in shown


def test_a_wrong_configuration_is_the_first_fault(tmp_path):
    """With the key that is wrong."""
    (tmp_path / "agent.toml").write_text("[camera]\ndriver = 3\n")
    result = run(tmp_path / "agent.toml", "--json")
    first = json.loads(result.output)["findings"][0]
    assert (first["subject"], first["level"]) == ("configuration", "fault")
