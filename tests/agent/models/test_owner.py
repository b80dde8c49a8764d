"""What the slots say is what judges, from the start on and as soon as somebody has flashed."""

import os

import pytest
from bundles import picture as frame
from model_rig import ModelRig
from slot_line import ANNA

from agent.errors import EngineError
from bundle.errors import SlotBusyError
from bundle.slots import open_slots


def test_the_slots_model_judges_from_the_start(rig):
    """It was verified, the state says so, and its engine is open."""
    state = rig.models.state()
    assert (state.name, state.version, state.signed) == ("scripted", "1.0.1", True)
    assert not state.unsigned_allowed
    assert not state.on_probation
    assert rig.judging.ready
    assert rig.judging.sha256 == rig.state.judging.sha256
    assert rig.judging.pid == os.getpid()


def test_empty_slots_reject_everything_until_something_is_flashed(tmp_path):
    """No slots folder, no model, no fault; the first flash needs no restart."""
    rig = ModelRig(tmp_path)
    rig.step(times=3)
    assert rig.models.current is None
    assert rig.models.tried.is_set()
    assert not rig.judging.ready
    rig.flash(1)
    rig.step()
    assert rig.models.title == "scripted-1.0.1"
    assert rig.models.state().on_probation
    assert rig.events("slots") == []


def test_a_flashed_model_takes_over_and_the_old_one_is_closed_when_unused(rig):
    """Both are open for the moment in which the old one may still be judging a part."""
    old = rig.models.current
    rig.round_ns = lambda: 0  # the inspection lane is in the middle of a part
    rig.flash(2)
    rig.step(times=3)
    assert rig.models.title == "scripted-1.0.2"
    old.judge(frame())
    rig.round_ns = rig.clock.now_ns
    rig.step()
    with pytest.raises(EngineError, match="closed"):
        old.judge(frame())
    assert len(rig.engines) == 2


def test_who_flashed_confirmed_and_went_back_stands_in_the_audit_chain(rig):
    """Each deed is a row and an event, with who and when as the slots tell."""
    rig.flash(2)
    rig.step()
    rig.do(lambda slots: slots.confirm())
    rig.step()
    assert not rig.models.state().on_probation
    assert rig.judging.probation.state == "passed"
    rig.do(lambda slots: slots.rollback())
    rig.step()
    assert rig.models.title == "scripted-1.0.1"
    rows = [row for row in rig.deeds() if ANNA in row.text]
    first = ["flashed", "confirmed"]  # before the agent ran at all
    assert [row.deed for row in rows] == [*first, "flashed", "confirmed", "rolled_back"]
    kinds = [kind for kind, text in rig.told if ANNA in text and kind != "audit"]
    assert kinds == [f"model_{row.deed}" for row in rows]
    models = [row.detail["now"] for row in rig.deeds() if row.deed == "model"]
    assert models == ["scripted-1.0.1", "scripted-1.0.2", "scripted-1.0.1"]


def test_while_somebody_flashes_the_agent_starts_and_judges(rig):
    """The lock is asked for again later; nothing waits for it."""
    rig.flash(2)
    rig.restart()
    with open_slots(rig.slots, None):
        rig.step(times=3)
        assert rig.models.title == "scripted-1.0.2"
        assert rig.state.judging.starts == 0
    rig.step()
    assert rig.state.judging.starts == 1
    with pytest.raises(SlotBusyError), open_slots(rig.slots, None), open_slots(rig.slots, None):
        pass


def test_the_same_model_flashed_again_is_on_probation_without_being_opened_again(rig):
    """The same bytes are the same model; the parts start anew."""
    old = rig.models.current
    rig.flash(1)
    rig.step(times=2)
    assert rig.models.current is old
    assert rig.models.state().on_probation
    old.judge(frame())


def test_a_stopped_agent_says_that_nothing_judges(rig):
    """Whoever flashes then does not wait in vain."""
    rig.models.end()
    assert not rig.judging.ready
    rig.models.close()
    with pytest.raises(EngineError):
        rig.engines[0].infer()
