"""The roll-out over many boards: a canary first, and a failed probation stops what is behind it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLAYBOOK = Path(__file__).parents[2] / "deploy/ansible/rollout.yml"
BOARDS = ("one", "two", "three")

# Stands in for `linewarden` on a board: a folder is its state, and `bad` models fail on `sick`.
STAND_IN = """\
import hashlib, json, pathlib, sys
board = pathlib.Path(sys.argv[1])
state = board / "state.json"
slot = {"sha256": "old", "status": "good"}
old = {"active": "a", "slots": {"a": slot}, "agent": {}, "faults": []}
now = json.loads(state.read_text()) if state.exists() else old
command = sys.argv[2]
(board / "calls").open("a").write(" ".join(sys.argv[2:]) + "\\n")
if command == "flash":
    new = hashlib.sha256(pathlib.Path(sys.argv[3]).read_bytes()).hexdigest()
    now["slots"]["b"] = {"sha256": new, "status": "trial"}
    now.update(active="b", looks=0, agent={"probation": {"state": "running", "findings": []}})
elif now["agent"]:
    now["looks"] += 1
    if now["looks"] >= 2 and (board / "sick").exists():
        now.update(active="a", agent={"probation": {"state": "failed", "findings": ["too slow"]}})
    elif now["looks"] >= 2:
        now["slots"]["b"]["status"] = "good"
        now["agent"] = {"probation": {"state": "passed", "findings": []}}
state.write_text(json.dumps(now))
print(json.dumps(now))
"""


def _playbook_program():
    beside = Path(sys.executable).with_name("ansible-playbook")
    return str(beside) if beside.exists() else shutil.which("ansible-playbook")


@pytest.fixture
def roll_out(tmp_path):
    """Return a runner of the playbook over three boards that are folders of this machine."""
    program = _playbook_program()
    if program is None:
        pytest.skip("needs ansible-playbook: pip install ansible-core")
    (tmp_path / "stand_in.py").write_text(STAND_IN, "utf-8")
    hosts = {}
    for name in BOARDS:
        board = tmp_path / name
        board.mkdir()
        command = board / "linewarden"
        stand_in = tmp_path / "stand_in.py"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} {stand_in} {board} "$@"\n', "utf-8")
        command.chmod(0o755)
        hosts[name] = {"linewarden_command": str(command), "linewarden_cache": str(board)}
    shared = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = tmp_path / "inventory.json"
    inventory.write_text(json.dumps({"lines": {"hosts": hosts, "vars": shared}}), "utf-8")
    bundle = tmp_path / "new.lwb"
    bundle.write_bytes(b"a model")

    def run():
        extra = {"linewarden_bundle": str(bundle), "linewarden_look_every_s": 0.01}
        return subprocess.run(
            [program, "-i", str(inventory), str(PLAYBOOK), "-e", json.dumps(extra)],
            cwd=PLAYBOOK.parent,
            env={
                **os.environ,
                "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
                "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
                "ANSIBLE_HOME": str(tmp_path / "home"),
                "ANSIBLE_NOCOLOR": "1",
                "LC_ALL": "C.UTF-8",
            },
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )

    return run


def _calls(board):
    path = board / "calls"
    return path.read_text("utf-8").splitlines() if path.exists() else []


@pytest.mark.slow
def test_every_board_confirms_and_a_second_run_changes_nothing(roll_out, tmp_path):
    """All three flash once; who has the model already is not flashed again."""
    wanted = hashlib.sha256(b"a model").hexdigest()
    for _ in range(2):
        done = roll_out()
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    for name in BOARDS:
        state = json.loads((tmp_path / name / "state.json").read_text("utf-8"))
        assert state["slots"][state["active"]] == {"sha256": wanted, "status": "good"}
        flashes = [call for call in _calls(tmp_path / name) if call.startswith("flash")]
        assert len(flashes) == 1
        assert "--by ansible (" in flashes[0]


@pytest.mark.slow
@pytest.mark.parametrize(("sick", "touched"), [("one", ["one"]), ("two", ["one", "two"])])
def test_a_failed_probation_stops_all_boards_behind_it(roll_out, tmp_path, sick, touched):
    """What was found is told, and no later board is even asked."""
    (tmp_path / sick / "sick").touch()
    done = roll_out()
    assert done.returncode != 0
    assert f"{sick} did not confirm new.lwb: too slow" in done.stdout
    assert [name for name in BOARDS if _calls(tmp_path / name)] == touched
