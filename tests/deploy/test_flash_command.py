"""`linewarden flash`, `status`, `confirm` and `rollback` as a technician types them."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import subprocess
import sys

import pytest
from bundles import rewritten
from flash_rig import OFFICE

from bundle.camera_settings import CameraSettings
from bundle.judging import Shadow
from bundle.slot_files import read_state
from deploy.commands.flash import flash as flash_command
from deploy.told import shadow_lines


@pytest.mark.usefixtures("live_agent")
def test_a_technician_flashes_confirms_and_goes_back(device, make):
    """From the stick to the running agent with the real child process, in plain words."""
    device.file(make(), "one.lwb")
    code, out, err = device.run("flash", ".", "--by", "Anna Meier")
    assert (code, err) == (0, "")
    assert "signed by office" in out
    assert "2 golden frames agree" in out
    assert "the agent judges with it" in out
    assert "next: " in out
    assert "\x1b" not in out
    code, out, _ = device.run("confirm")
    assert (code, "tiny-1.1 is confirmed" in out) == (0, True)
    path = device.file(make(2, camera=CameraSettings(exposure_us=2000)), "two.lwb")
    code, out, _ = device.run("flash", path, "--json")
    answer = json.loads(out)
    assert answer["notes"][0].startswith("camera.exposure_us is left to the camera here, trained ")
    assert (code, answer["done"], answer["agent"], answer["slot"]) == (0, True, "judges", "b")
    assert answer["trial"]["frames"] == 2
    code, out, _ = device.run("rollback")
    assert (code, "tiny-1.1 judges again" in out) == (0, True)
    code, out, _ = device.run("status", "--json")
    report = json.loads(out)
    assert (code, report["faults"]) == (0, [])
    assert report["agent"]["title"] == "tiny-1.1"
    assert report["slots"]["b"]["status"] == "failed"
    assert report["floor"] == 1


def test_a_refusal_is_one_line_and_exit_code_1(device, make):
    """On the terminal and as JSON."""
    path = device.file(make(key=None))
    code, out, err = device.run("flash", path)
    assert code == 1
    assert err.startswith("linewarden: the bundle is not signed")
    assert err.count("\n") == 1
    code, out, err = device.run("flash", path, "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["fault"] == "SignatureError"
    for command in ("confirm", "rollback"):
        code, _, err = device.run(command)
        assert (code, err.count("\n")) == (1, 1)


def test_a_bundle_for_a_newer_linewarden_is_refused_in_one_line(device, make):
    """With exit code 1; programs are told which fault it is."""
    path = device.file(rewritten(make(), OFFICE, needs_agent="99.1"))
    code, _, err = device.run("flash", path)
    assert (code, err.count("\n")) == (1, 1)
    assert "this model needs linewarden 99.1 or newer" in err
    assert "update linewarden first" in err
    assert json.loads(device.run("flash", path, "--json")[1])["fault"] == "OldAgentError"


def test_a_command_used_wrongly_has_exit_code_2(device):
    """No model, or one with --drop-shadow."""
    assert device.run("flash")[0] == 2
    assert device.run("flash", "m.lwb", "--drop-shadow")[0] == 2
    assert device.run("flash", "m.lwb", "--odd")[0] == 2


def test_two_technicians_at_once_are_told_apart(device, make):
    """One flashes, the other is told who does, and nothing is mixed (fault 61)."""
    path = device.file(make())
    (device.slots / "flashing").mkdir(parents=True)
    with (device.slots / "flashing" / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code, _, err = device.run("flash", path)
    assert code == 1
    assert "is flashing: wait until they are done" in err
    both = [device.start("flash", device.file(make(n), f"{n}.lwb"), "--json") for n in (1, 2)]
    answers = []
    for process in both:
        with process:
            answers.append(json.loads(process.communicate(timeout=120)[0]))
    done = [each["title"] for each in answers if each["done"]]
    assert done
    assert all(each["done"] or each["fault"] in ("SlotBusyError", "SlotError") for each in answers)
    state = read_state(device.slots)
    assert state.judging.title in done
    held = [each for each in state.slots.values() if each.status == "trial"]
    assert len(held) == 1


def test_status_says_what_is_wrong_and_what_next(device, make):
    """An agent that does not run, a damaged slot, a model on probation."""
    code, out, _ = device.run("status")
    assert code == 1
    assert "no model judges, every part is rejected: `linewarden flash FILE`" in out
    device.run("flash", device.file(make()))
    code, out, _ = device.run("status")
    assert "a judges" in out
    assert "on probation" in out
    assert "the agent is not running" in out
    assert "next: `linewarden confirm`" in out
    path = device.slots / "a" / "model.lwb"
    path.write_bytes(path.read_bytes()[:-5])
    code, out, _ = device.run("status")
    assert (code, "UNUSABLE" in out) == (1, True)


def test_colours_and_a_bar_are_for_terminals_only(device, make):
    """The bar is drawn, and taken away again."""
    path = device.file(make())
    ours, theirs = pty.openpty()
    command = [
        *(sys.executable, "-c", "import linewarden; linewarden.main()", "flash", str(path)),
        *("--config", str(device.config)),
    ]
    from flash_rig import environment

    env = {**environment(), "TERM": "xterm-256color", "COLUMNS": "200"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                block = os.read(ours, 4096)
            except OSError:  # the other end of a terminal is gone
                break
            shown += block
    os.close(ours)
    assert process.returncode == 0
    text = shown.decode()
    assert "\x1b[32mok\x1b[0m" in text
    assert "trying it in a process of its own" in text
    assert "will judge, on probation" in text


def test_every_option_is_explained():
    """`--help` has an example."""
    assert "Example:" in flash_command.__doc__


def test_a_shadow_says_what_it_could_not_compare():
    """A technician who decides on the differences must know of parts that say nothing."""
    seen = Shadow(
        title="tiny-1.2", parts=10, agree=9, only_new_rejects=1, only_old_rejects=0,
        rechecks_differ=0, pictures="shadow/tiny-1.2",
    )  # fmt: skip
    whole = shadow_lines(seen.model_dump())
    assert whole[0].startswith("shadow tiny-1.2: 9 of 10 parts alike; 1 rejected by it alone")
    assert not any("not compared" in line for line in whole)
    missed = shadow_lines(seen.model_copy(update={"dropped": 4, "failed": 2}).model_dump())
    assert missed[-1].startswith("not compared: 4 parts that came too fast for it, 2 that it")
