"""The roll-out by real Ansible over real ssh, to two boards with systemd, package and service.

`make fleet-test` makes the tree and the package that it needs.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest
from booted import wait_for
from fleet import USER, Board, make_key, remove
from slot_line import KEY, REJECT_ALL, release, write_trust

PLAYBOOK = Path(__file__).parents[2] / "deploy/ansible/rollout.yml"
BASE, DEB = os.environ.get("LINEWARDEN_FLEET_ROOTFS", ""), os.environ.get("LINEWARDEN_DEB", "")
PROGRAMS = ("ansible-playbook", "ssh", "systemd-nspawn")
# 60 parts, for a model's share of rejects says something after 50.
CONFIG = """\
[station]
device = "{{ inventory_hostname }}"
[camera]
driver = "sim"
deck = 4
[belt]
rate_per_s = 6.0
[timing]
delay_ms = 1500.0
frame_within_ms = 40.0
min_pitch_ms = 50.0
max_in_flight = 64
[model]
slots = "/var/lib/linewarden/slots"
trust = "/etc/linewarden/trust"
[gate]
driver = "sim"
[ledger]
folder = "/var/lib/linewarden/ledger"
[probation]
parts = 60
minutes = 0.0
max_uninspected_share = 1.0
max_p99_ms = 60000.0
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not (BASE and DEB), reason="needs a tree to boot: make fleet-test"),
    *(
        pytest.mark.skipif(shutil.which(each) is None, reason=f"needs {each}: make fleet-test")
        for each in PROGRAMS
    ),
]


class Fleet:
    """Two boards, and an engineer who has nothing but ssh and the playbook."""

    def __init__(self, folder: Path, boards: list[Board], key: Path) -> None:
        self.folder, self.boards, self._key = folder, boards, key
        hosts = {
            board.name: {"ansible_host": "127.0.0.1", "ansible_port": board.port}
            for board in boards
        }
        known = folder / "known_hosts"
        strict = f"-o UserKnownHostsFile={known} -o StrictHostKeyChecking=yes"
        known.write_text("".join(f"{board.known_host}\n" for board in boards), "ascii")
        shared = {
            "ansible_user": USER,
            "ansible_become": True,
            "ansible_ssh_private_key_file": str(key),
            "ansible_ssh_common_args": strict,
            "ansible_python_interpreter": "/usr/bin/python3",
        }
        inventory = {"lines": {"hosts": hosts, "vars": shared}}
        (folder / "inventory.json").write_text(json.dumps(inventory), "utf-8")

    def roll_out(self, **wanted: object) -> subprocess.CompletedProcess[str]:
        """Run the playbook as docs/install.md says."""
        extra = {"linewarden_look_every_s": 1, "linewarden_probation_minutes": 4, **wanted}
        return subprocess.run(
            ["ansible-playbook", "-i", str(self.folder / "inventory.json"), str(PLAYBOOK),
             "-e", json.dumps(extra)],
            cwd=PLAYBOOK.parent,
            env={
                **os.environ,
                "ANSIBLE_HOME": str(self.folder / "ansible"),
                "ANSIBLE_LOCAL_TEMP": str(self.folder / "ansible/tmp"),
                "ANSIBLE_SSH_ARGS": "-o ControlMaster=no",  # nothing is left running behind us
                "ANSIBLE_NOCOLOR": "1",
                "LC_ALL": "C.UTF-8",
            },
            capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip


@pytest.fixture
def fleet(tmp_path):
    """Return two booted boards, bare but for sshd."""
    key = make_key(tmp_path)
    public = key.with_suffix(".pub").read_text("ascii")
    boards = [Board(name, Path(BASE), tmp_path, public) for name in ("canary", "second")]
    try:
        with ExitStack() as stack:
            for board in boards:
                stack.enter_context(board)
            yield Fleet(tmp_path, boards, key)
    finally:
        for board in boards:
            remove(board)


def _report(board):
    return json.loads(board.run("linewarden", "status", "--json"))


def _judging(board):
    report = _report(board)
    return report["slots"][report["active"]]


def _changes(done):
    """Return how many tasks have changed something, by board."""
    found = re.findall(r"^(\w+)\s+: ok=.*changed=(\d+)", done.stdout, re.MULTILINE)
    return {name: int(number) for name, number in found}


def _files(board):
    """Return what a roll-out could have touched on a board."""
    places = ["var/lib/linewarden/slots/state.json", "etc/linewarden/agent.toml"]
    held = {place: (board.tree / place).read_bytes() for place in places}
    return held, sorted(each.name for each in (board.tree / "var/cache").iterdir())


def _bare_boards_get_package_key_configuration_and_model(fleet, wanted):
    """One command; each board ends with a confirmed model that lets good parts pass."""
    done = fleet.roll_out(**wanted)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-1000:]
    order = [done.stdout.index(f"{board.name} has confirmed") for board in fleet.boards]
    assert order == sorted(order)
    for board in fleet.boards:
        assert (_judging(board)["release"], _judging(board)["status"]) == (1, "good")
        assert f'device = "{board.name}"' in (board.tree / "etc/linewarden/agent.toml").read_text()
        wait_for(lambda b=board: re.search(r"PASS [1-9]", b.shows("StatusText")))
        audit = (board.tree / "var/lib/linewarden/ledger/audit.jsonl").read_text("utf-8")
        assert "ansible (" in audit


def _once_more_changes_nothing(fleet, wanted):
    """Who has it all is left alone."""
    done = fleet.roll_out(**wanted)
    assert done.returncode == 0, done.stdout[-4000:]
    assert _changes(done) == {"canary": 0, "second": 0}


def _a_bad_model_stops_at_the_canary(fleet, bundle):
    """It fails its probation there by what it does to real parts; nobody else hears of it."""
    canary, second = fleet.boards
    before, logins = _files(second), second.logins()
    done = fleet.roll_out(linewarden_bundle=str(bundle))
    assert done.returncode != 0
    assert f"canary did not confirm {bundle.name}: " in done.stdout
    assert "has confirmed" not in done.stdout
    assert _files(second) == before
    assert second.logins() == logins
    assert _judging(second)["release"] == 1
    assert _judging(canary)["release"] == 1
    assert {held["status"] for held in _report(canary)["slots"].values()} == {"good", "failed"}
    assert canary.shows("NRestarts") == "0"


def _the_next_good_one_reaches_both(fleet, bundle):
    """The failed one is in nobody's way."""
    done = fleet.roll_out(linewarden_bundle=str(bundle))
    assert done.returncode == 0, done.stdout[-4000:]
    assert [_judging(board)["release"] for board in fleet.boards] == [3, 3]


def test_a_fleet_is_installed_and_a_bad_model_never_gets_past_its_canary(fleet, tmp_path):
    """The engineer's week: install, run again, a bad release, a good one."""
    for number, changes in ((1, {}), (2, {"thresholds": REJECT_ALL}), (3, {})):
        (tmp_path / f"model-{number}.lwb").write_bytes(release(tmp_path, number, KEY, **changes))
    config = tmp_path / "agent.toml.j2"
    config.write_text(CONFIG, "utf-8")
    wanted = {
        "linewarden_deb": DEB,
        "linewarden_trusted_keys": [str(write_trust(tmp_path / "trust") / "office.pub")],
        "linewarden_config": str(config),
        "linewarden_bundle": str(tmp_path / "model-1.lwb"),
    }
    _bare_boards_get_package_key_configuration_and_model(fleet, wanted)
    _once_more_changes_nothing(fleet, wanted)
    _a_bad_model_stops_at_the_canary(fleet, tmp_path / "model-2.lwb")
    _the_next_good_one_reaches_both(fleet, tmp_path / "model-3.lwb")
