"""Confirm the model on probation, go back to the one before, or end a shadow."""

from __future__ import annotations

from dataclasses import dataclass

from bundle.judging import read_judging
from bundle.signature import Keyring
from bundle.slot_state import floor
from deploy.clock import Clock
from deploy.flash import check_has_slots
from deploy.holding import hold_slots
from deploy.line_config import LineConfig
from deploy.takeover import Outcome, Wanted, await_agent


@dataclass(frozen=True, slots=True)
class WentBack:
    """From which model to which, and whether the agent judges with that one by now."""

    left: str
    title: str
    outcome: Outcome


def confirm_model(line: LineConfig, trust: Keyring, by: str, clock: Clock) -> tuple[str, int]:
    """End the probation well; returns the model's title and the new floor.

    Raises DeployError or SlotError.
    """
    check_has_slots(line)
    with hold_slots(line, trust, by, clock) as slots:
        state = slots.confirm()
    judging = state.judging
    return ("" if judging is None else judging.title), floor(state, trust.trusted)


def go_back(line: LineConfig, trust: Keyring, by: str, clock: Clock) -> WentBack:
    """Let the previous model judge again. Raises DeployError or SlotError."""
    check_has_slots(line)
    before = read_judging(line.slots)
    with hold_slots(line, trust, by, clock) as slots:
        left, state = slots.state.judging, slots.rollback()
    now = state.judging
    wanted = Wanted("no model" if now is None else now.title, "" if now is None else now.sha256)
    outcome = await_agent(line.slots, wanted, before, clock)
    return WentBack("" if left is None else left.title, wanted.title, outcome)


def drop_shadow(line: LineConfig, trust: Keyring, by: str, clock: Clock) -> str:
    """Take the model beside the judging one away; returns its title.

    Raises DeployError or SlotError.
    """
    check_has_slots(line)
    with hold_slots(line, trust, by, clock) as slots:
        shadow = slots.state.shadowing
        slots.drop_shadow()
    return "" if shadow is None else shadow.title
