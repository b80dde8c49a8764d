"""A bundle beside the active one: what it may become, and that it decides nothing."""

import json

import pytest

from bundle.errors import SlotError
from bundle.slot_files import STATE, bundle_path, read_state
from bundle.slot_state import SlotState, parse_state, state_bytes
from bundle.slots import MAX_TRIAL_STARTS, open_slots


@pytest.fixture
def beside(folder, trust, make_bundle, flash):
    """Return the slots with release 1 active and release 2 beside it, and a way to change them."""
    flash(1, confirm=True)

    def change(action, **options):
        with open_slots(folder, trust, **options) as slots:
            return action(slots)

    change(lambda slots: slots.install(make_bundle(2)))
    change(lambda slots: slots.shadow())
    return change


def test_a_shadow_is_whole_trusted_and_not_active(beside, folder):
    """The active bundle stays; a restart keeps both."""
    state = read_state(folder)
    assert (state.judging.release, state.shadowing.release) == (1, 2)
    assert not state.on_trial
    assert beside(lambda slots: slots.settle()).state == state


def test_a_shadow_can_be_switched_to_or_dropped(beside, folder, make_bundle):
    """By the same slot; then it is on trial like any other."""
    beside(lambda slots: slots.drop_shadow())
    assert read_state(folder).shadowing is None
    with pytest.raises(SlotError, match="nothing to take away"):
        beside(lambda slots: slots.drop_shadow())
    with pytest.raises(SlotError, match="no new model"):
        beside(lambda slots: slots.shadow())
    beside(lambda slots: slots.install(make_bundle(3)))
    beside(lambda slots: slots.shadow())
    state = beside(lambda slots: slots.switch())
    assert (state.judging.release, state.on_trial, state.shadowing) == (3, True, None)
    assert state.previous == "a"


def test_a_shadow_needs_somebody_to_stand_beside(folder, trust, make_bundle):
    """On a new device there is nothing to compare with."""
    with open_slots(folder, trust) as slots:
        slots.install(make_bundle(1))
        with pytest.raises(SlotError, match="nothing to compare with"):
            slots.shadow()


def test_a_damaged_shadow_is_struck_off_and_one_that_is_changed_never_begins(
    beside, folder, make_bundle
):
    """It would have looked at parts without being what was signed."""
    bundle_path(folder, "b").write_bytes(b"worn")
    settled = beside(lambda slots: slots.settle())
    assert settled.state.shadowing is None
    assert "damaged" in settled.findings[0]
    beside(lambda slots: slots.install(make_bundle(3)))
    bundle_path(folder, "b").write_bytes(b"worn")
    with pytest.raises(SlotError, match="is not used"):
        beside(lambda slots: slots.shadow())


def test_a_shadow_that_takes_the_agent_down_is_struck_off(beside, folder):
    """The active model is not touched by it."""
    for start in range(1, MAX_TRIAL_STARTS + 1):
        assert beside(lambda slots: slots.count_start()).shadowing.starts == start
    state = beside(lambda slots: slots.count_start())
    assert (state.shadowing, state.judging.status) == (None, "good")
    assert read_state(folder) == state


def test_the_slots_tell_who_changed_them(beside, folder, trust):
    """Only what somebody decided counts: a start that is counted leaves the name."""
    anna = "anna (uid 1000) at 2026-03-04T05:06:07Z"
    beside(lambda slots: slots.switch(), by=anna)
    beside(lambda slots: slots.count_start(), by="the agent")
    beside(lambda slots: slots.settle(), by="the agent")
    assert read_state(folder).by == anna
    beside(lambda slots: slots.confirm(), by="the agent")
    assert read_state(folder).by == "the agent"


def test_a_state_of_before_is_still_read(flash, folder):
    """A device that was flashed by an older version keeps its model."""
    state = flash(1, confirm=True)
    data = json.loads(state_bytes(state))
    import hashlib

    del data["state"]["by"]
    text = json.dumps(data["state"], sort_keys=True).encode("ascii")
    data["check"] = hashlib.sha256(text).hexdigest()
    assert parse_state(json.dumps(data).encode("ascii")) == SlotState(**dict(state))
    assert (folder / STATE).exists()
