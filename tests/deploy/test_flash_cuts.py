"""`linewarden flash`, killed at any moment: always one whole, verified model, or what was there.

LINEWARDEN_CUTS=300 kills it more often.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess

import pytest

from bundle.archive import parse_archive
from bundle.signature import read_keyring
from bundle.slot_files import read_state
from bundle.slot_state import floor
from bundle.slots import active_path, open_slots

CUTS = int(os.environ.get("LINEWARDEN_CUTS", "20"))
SPAN_S = 2.0  # about what a flash takes here, most of it before anything is written


def kill_at(process: subprocess.Popen[str], after_s: float) -> bool:
    """Kill a process after a while; tells whether it was done before."""
    with process:
        try:
            process.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            return False
    return process.returncode == 0


def settled(device):
    """Start the device after the cut, and hold what judges against what may judge."""
    trust = read_keyring(device.trust)
    with open_slots(device.slots, trust) as slots:
        result = slots.settle()
    assert result.findings == ()
    path = active_path(device.slots)
    title = None
    if path is not None:
        title = parse_archive(path.read_bytes(), trust).title
        assert result.state.judging.title == title
    for slot in ("a", "b"):
        left = list((device.slots / slot).glob("*")) if (device.slots / slot).is_dir() else []
        assert {each.name for each in left} <= {"model.lwb"}
    return title, floor(result.state, trust.trusted)


@pytest.mark.slow
@pytest.mark.timeout(60 + 10 * CUTS)
def test_a_flash_killed_at_any_moment_leaves_a_whole_model(device, make):
    """Before: the old one judges; after the switch: the new one. Never neither, never half."""
    chance = random.Random(7)
    release, judging, lowest = 1, None, 0
    for cut in range(CUTS):
        path = device.file(make(release))
        span_s = SPAN_S if cut % 4 else 60.0  # every fourth one ends, so that releases go on
        done = kill_at(device.start("flash", path), chance.uniform(0.2, span_s) if cut % 4 else 60)
        title, found = settled(device)
        new = f"tiny-1.{release}"
        assert title in ({new} if done else {judging, new})
        assert found == lowest
        if title == new:
            command = "confirm" if chance.random() < 0.7 or judging is None else "rollback"
            ended = kill_at(device.start(command), chance.uniform(0.2, 2.0))
            title, found = settled(device)
            assert title in ({judging, new} if command == "rollback" else {new})
            assert found in ((release,) if ended and command == "confirm" else (lowest, release))
            state = read_state(device.slots)
            if state.on_trial:  # the kill came first
                device.run("confirm")
                title, found = settled(device)
            judging, lowest = title, found
            release += 1


@pytest.mark.slow
@pytest.mark.timeout(60 + 10 * CUTS)
def test_a_flash_killed_while_it_writes_leaves_a_whole_model(device, make, wait_until):
    """The same, aimed at the short time in which the slots change."""
    chance = random.Random(11)
    judging = None
    for cut in range(max(CUTS // 4, 3)):
        new = f"tiny-1.{cut + 1}"
        process = device.start("flash", device.file(make(cut + 1)))
        incoming = [device.slots / slot for slot in "ab"]

        def writes(process=process, incoming=incoming):
            ended = process.poll() is not None
            return ended or any(list(one.glob("*incoming*")) for one in incoming if one.is_dir())

        wait_until(writes, 60)
        kill_at(process, chance.uniform(0, 0.03))
        title, _ = settled(device)
        assert title in {judging, new}
        if title == new:
            assert device.run("confirm")[0] == 0
        judging = title
