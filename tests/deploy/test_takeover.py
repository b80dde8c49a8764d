"""Whether the running agent took the model over."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from flash_rig import Agent

from bundle.judging import read_judging, write_judging
from deploy.errors import TakeOverError
from deploy.takeover import Wanted, await_agent, is_running


def test_an_agent_that_judges_with_it_has_taken_it_over(agent, flash, make):
    """The answer comes from the agent itself, not from what was written for it."""
    done = flash(make())
    assert done.outcome == "judges"
    assert agent.judged == [done.sha256]


def test_an_agent_that_does_not_run_starts_with_it(flash, make, device):
    """No report, or one of a process that is gone."""
    assert flash(make()).outcome == "not_running"
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    Agent(device.slots).step()
    write_judging(
        device.slots, read_judging(device.slots).model_copy(update={"pid": gone.pid, "sha256": ""})
    )
    assert flash(make(2)).outcome == "not_running"


def test_an_agent_that_refuses_it_says_why(flash, make, device, now):
    """Flashing fails, with the agent's own words."""
    device.slots.mkdir()
    agent = Agent(device.slots, refusal="the golden frames give other outputs")
    agent.step()
    now.world.append(agent.step)
    with pytest.raises(TakeOverError, match=r"refused tiny-1\.1.*golden frames"):
        flash(make())


def test_an_old_refusal_is_not_taken_for_a_new_one(flash, make, device, agent):
    """What was refused before is no answer about this model."""
    agent.step()
    stale = read_judging(device.slots).model_copy(update={"refused": "an old one"})
    write_judging(device.slots, stale)
    assert flash(make()).outcome == "judges"


def test_an_agent_that_does_nothing_is_told_after_a_while(flash, make, device):
    """The line judges as before, and what to look at is said."""
    device.slots.mkdir()
    Agent(device.slots).step()
    with pytest.raises(TakeOverError, match="not taken it over within 30 s"):
        flash(make())


def test_a_model_that_was_taken_back_at_once_is_told(flash, make, device, now):
    """By the agent, whose probation can fail before we look."""
    from bundle.signature import read_keyring
    from bundle.slots import open_slots

    device.slots.mkdir()
    Agent(device.slots).step()

    def take_back():
        with open_slots(device.slots, read_keyring(device.trust)) as slots:
            if slots.state.judging is not None:
                slots.rollback(or_none=True)

    now.world.append(take_back)
    with pytest.raises(TakeOverError, match="taken back at once"):
        flash(make())


def test_a_shadow_is_taken_over_when_it_is_reported(agent, flash, make):
    """The judging one stays."""
    judging = flash(make()).sha256
    done = flash(make(2), shadow=True)
    assert done.outcome == "shadow"
    assert agent.judged == [judging]


def test_going_back_to_no_model_is_a_takeover_too(device, now):
    """An agent without a model reports none."""
    device.slots.mkdir()
    Agent(device.slots).step()
    assert await_agent(device.slots, Wanted("no model", ""), None, now) == "judges"


def test_a_dead_child_that_nobody_asked_for_does_not_run():
    """Its number is still there until its parent looks."""
    child = subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE)
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert not is_running(child.pid)
    child.stdout.close()
    child.wait()
    assert is_running(os.getpid())
