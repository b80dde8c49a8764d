"""A model that cannot judge is refused, and the line goes on."""

import pytest
from bundles import SPEC
from bundles import picture as frame
from model_rig import SHORT, ModelRig

from agent.errors import EngineError
from agent.records import VerdictKind
from bundle.slot_files import bundle_path


def refused_cases():
    """Return (options of the release, words of the refusal)."""
    wrong = SPEC.model_copy(update={"frame_width": 48, "frame_height": 48})
    return [
        ({"logits": (3.0, 1.0)}, "golden frames give other outputs"),
        ({"input": wrong}, "trained on frames of 48x48, the camera gives 64x64"),
        ({"input": SPEC.model_copy(update={"height": 48})}, "manifest says otherwise"),
    ]


@pytest.mark.parametrize(("options", "words"), refused_cases(), ids=["golden", "size", "shape"])
def test_a_model_that_is_refused_leaves_the_old_one_judging(rig, options, words):
    """It is told once, the slots go back by themselves, and no part is missed."""
    old = rig.models.current
    rig.flash(2, **options)
    for _ in range(5):
        rig.step()
        assert rig.models.current is old
    assert [words in text for text in rig.events("model_refused")] == [True]
    assert "scripted-1.0.1 judges on" in rig.events("model_refused")[0]
    assert words in rig.judging.refused
    assert words in rig.models.state().refused
    assert rig.state.judging.title == "scripted-1.0.1"
    assert rig.state.judging.status == "good"
    assert rig.state.by.startswith("the agent at ")
    assert old.judge(frame())


def test_a_refusal_is_told_each_time_somebody_flashes(rig):
    """Whoever tries the same file again must read it again."""
    for _ in range(2):
        rig.flash(2, logits=(3.0, 1.0))
        rig.step(times=3)
    assert len(rig.events("model_refused")) == 2
    assert rig.models.title == "scripted-1.0.1"


def test_the_next_good_model_ends_a_refusal(rig):
    """What was refused is forgotten once another one judges."""
    rig.flash(2, logits=(3.0, 1.0))
    rig.step(times=3)
    rig.flash(3)
    rig.step(times=2)
    assert rig.models.title == "scripted-1.0.3"
    assert rig.judging.refused == ""
    assert rig.models.state().on_probation


def test_bytes_other_than_those_installed_never_judge(rig):
    """A whole, signed, older bundle put in the slot's place by hand is not what was proven."""
    state = rig.flash(2)
    bundle_path(rig.slots, state.active).write_bytes(rig.made(3))
    rig.step(times=3)
    assert rig.models.title == "scripted-1.0.1"
    assert "is not what was installed there" in rig.events("model_refused")[0]


def test_a_first_model_that_is_refused_rejects_everything_and_may_come_later(tmp_path):
    """No way back: nothing judges, the reason is told once, and it is tried again."""
    rig = ModelRig(tmp_path)
    rig.answer = EngineError("no memory just now")
    rig.flash(1)
    rig.step(times=20)
    assert rig.models.current is None
    assert len(rig.events("model_refused")) == 1
    assert "every part is rejected" in rig.events("model_refused")[0]
    rig.answer = (0.0, 1.0)
    rig.step(seconds=31)
    assert rig.models.title == "scripted-1.0.1"
    assert rig.judging.refused == ""


def test_a_rollback_by_a_technician_never_leaves_the_bad_model_judging(rig):
    """Where the earlier one cannot be opened any more, nothing judges."""
    rig.flash(2, confirm=True)
    rig.step()
    rig.answer = EngineError("out of memory")
    rig.do(lambda slots: slots.rollback())
    rig.step()
    assert rig.models.current is None
    assert not rig.judging.ready


def test_a_replaced_trial_that_is_followed_by_a_refused_one_goes_on_judging(tmp_path):
    """With no way back nothing is gained by rejecting everything."""
    rig = ModelRig(tmp_path, SHORT)
    rig.flash(1)
    rig.step()
    rig.flash(2, logits=(3.0, 1.0))
    rig.step(times=5)
    assert rig.models.title == "scripted-1.0.1"
    assert "golden" in rig.judging.refused
    rig.parts(30, VerdictKind.PASS)
    rig.step(times=2)
    assert rig.models.title == "scripted-1.0.1"


def test_a_fault_nobody_thought_of_refuses_the_model_and_the_line_goes_on(rig, monkeypatch):
    """The lane's broad handler takes it; the slots go back."""

    def broken(*_):
        raise MemoryError

    monkeypatch.setattr(rig.models._loader, "load", broken)
    rig.flash(2)
    rig.models._guarded(rig.models.step)
    monkeypatch.undo()
    rig.step(times=2)
    assert rig.models.title == "scripted-1.0.1"
    assert rig.state.judging.title == "scripted-1.0.1"
    assert "journal" in rig.judging.refused
