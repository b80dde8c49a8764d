"""The units: hardened, with the doors open that the agent needs, and safe when they end it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "systemd"
MOST_EXPOSED = 2.0
# ttyACM, ttyUSB, ttyS and video4linux in the kernel's admin-guide/devices.txt.
MAJORS = ("166", "188", "4", "81")


def _settings(name):
    """Return every `key = [values]` of a unit, whatever its section."""
    found = {}
    for line in (UNITS / name).read_text("utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def analyze(tmp_path):
    """Return a runner of systemd-analyze on copies of the units, with a program that exists."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze: apt-get install systemd")
    for unit in UNITS.glob("linewarden*"):
        if unit.suffix in (".service", ".slice"):
            text = unit.read_text("utf-8").replace("/opt/linewarden/bin/linewarden", "/bin/true")
            (tmp_path / unit.name).write_text(text, "utf-8")

    def run(*words):
        return subprocess.run(
            [program, *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize("unit", ["linewarden.service", "linewarden-check.service"])
def test_the_service_is_exposed_no_more_than_promised(analyze, unit):
    """`systemd-analyze security` gives at most 2.0 (a bare unit: 9.6)."""
    done = analyze("security", "--offline=true", "--no-pager", unit)
    level = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    if level is None:
        pytest.skip(f"this systemd-analyze cannot look at a file: {done.stderr.strip()[:200]}")
    assert float(level[1]) <= MOST_EXPOSED, done.stdout


def test_systemd_finds_nothing_wrong_with_the_units(analyze):
    """`systemd-analyze verify` knows every key and value of ours."""
    done = analyze("verify", "./linewarden.service", "./linewarden-check.service")
    ours = [line for line in done.stderr.splitlines() if "linewarden" in line]
    assert not ours, done.stderr


def test_the_service_is_started_again_for_ever():
    """No number of crashes leaves the line without inspection."""
    unit = _settings("linewarden.service")
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["Type"] == ["notify"]


def test_nothing_stands_before_the_agents_start():
    """A wrong configuration, a missing network or clock cannot keep it from rejecting safely."""
    unit = _settings("linewarden.service")
    assert not {"ExecStartPre", "ExecCondition", "ConditionPathExists", "Requires"} & set(unit)
    waits = " ".join(unit["After"])
    assert "time-sync" not in waits
    assert "online" not in waits
    assert _settings("linewarden-check.service")["After"] == ["linewarden.service"]


def test_a_missing_secret_does_not_keep_the_service_from_starting():
    """Every LoadCredential has a stand-in: systemd refuses to start a unit without the file."""
    unit = _settings("linewarden.service")
    loaded = {value.split(":")[0] for value in unit["LoadCredential"]}
    stand_ins = {value.split(":")[0] for value in unit["SetCredential"]}
    assert loaded == stand_ins == {"mqtt-password", "mqtt-ca"}


def test_the_agents_children_live_until_it_has_left_the_gate_rejecting():
    """SIGTERM goes to the agent alone, and its end is awaited longer than its parts take."""
    unit = _settings("linewarden.service")
    assert unit["KillMode"] == ["mixed"]
    assert unit["KillSignal"] == ["SIGTERM"]
    assert int(unit["TimeoutStopSec"][0]) >= 10


@pytest.mark.parametrize("unit", ["linewarden.service", "linewarden-check.service"])
def test_only_cameras_and_serial_ports_can_be_opened_whenever_they_come(unit):
    """Device classes, since a path would be resolved once and a cable pulled later.

    By number: a name is looked up in /proc/devices as the unit starts, where the kernel has no
    `ttyUSB` before the first adapter is plugged in, and the gate would be refused for good.
    """
    settings = _settings(unit)
    assert settings["DevicePolicy"] == ["closed"]
    assert sorted(settings["DeviceAllow"]) == [f"char-{number} rw" for number in sorted(MAJORS)]


def test_udev_names_what_a_line_is_made_of():
    """The Pico is the gate, adapters are relays, and ModemManager keeps off both."""
    rules = (UNITS / "70-linewarden.rules").read_text("utf-8")
    gate = next(line for line in rules.splitlines() if 'LINEWARDEN_PORT}="gate"' in line)
    assert 'ATTRS{idVendor}=="2e8a", ATTRS{idProduct}=="0005"' in gate
    assert 'ENV{ID_MM_DEVICE_IGNORE}="1"' in rules
    labels = set(re.findall(r'LABEL="(\w+)"', rules))
    assert set(re.findall(r'GOTO="(\w+)"', rules)) == labels
    for line in rules.splitlines():
        assert (
            not line
            or line.startswith("#")
            or re.fullmatch(r'(?:[A-Z_]+(?:\{[\w/]+\})?(?:==|!=|\+=|=)"[^"]*"(?:, |$))+', line)
        ), line


def test_udev_itself_finds_nothing_wrong(tmp_path):
    """`udevadm verify`, where udev has it (systemd 254)."""
    program = shutil.which("udevadm")
    if program is None:
        pytest.skip("needs udevadm: apt-get install udev")
    words = [program, "verify", str(UNITS / "70-linewarden.rules")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if "Unknown command" in done.stderr or "unrecognized" in done.stderr:
        pytest.skip("this udevadm cannot verify (systemd 254 can)")
    assert done.returncode == 0, done.stdout + done.stderr


def test_user_and_folders_are_made_by_systemds_own_tools(tmp_path):
    """sysusers.d and tmpfiles.d are understood, and make what the unit relies on."""
    for program in ("systemd-sysusers", "systemd-tmpfiles"):
        if shutil.which(program) is None:
            pytest.skip(f"needs {program}: apt-get install systemd")
    if (
        not Path("/usr/bin/id").exists()
        or subprocess.run(["id", "-u"], capture_output=True, text=True, check=True).stdout.strip()
        != "0"
    ):
        pytest.skip("needs root: user numbers are set on files")
    (tmp_path / "etc").mkdir()
    root = f"--root={tmp_path}"
    for words in (
        ["systemd-sysusers", root, str(UNITS / "linewarden.sysusers.conf")],
        ["systemd-tmpfiles", root, "--create", str(UNITS / "linewarden.tmpfiles.conf")],
    ):
        subprocess.run(words, check=True, capture_output=True, timeout=60)
    users = (tmp_path / "etc/passwd").read_text("utf-8")
    number = int(re.search(r"^linewarden:[^:]*:(\d+):", users, re.MULTILINE)[1])
    groups = (tmp_path / "etc/group").read_text("utf-8")
    assert re.search(r"^video:.*linewarden", groups, re.MULTILINE)
    assert re.search(r"^dialout:.*linewarden", groups, re.MULTILINE)
    lock = tmp_path / "var/lib/linewarden/slots/lock"
    assert (lock.stat().st_uid, lock.stat().st_mode & 0o777) == (number, 0o660)
    secrets = tmp_path / "etc/linewarden/credentials"
    assert (secrets.stat().st_uid, secrets.stat().st_mode & 0o777) == (0, 0o700)
