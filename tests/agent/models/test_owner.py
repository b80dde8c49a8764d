"""What the slots say is what judges; what cannot judge is refused, and the line goes on."""

import os

import bundles
import pytest
from bundles import SPEC
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from model_rig import SHORT, ModelRig
from slot_line import ANNA

from agent.errors import EngineError
from agent.records import VerdictKind
from bundle.errors import SlotBusyError
from bundle.slot_files import COPY, STATE, bundle_path
from bundle.slots import open_slots

STRANGER = Ed25519PrivateKey.from_private_bytes(b"\3" * 32)


@pytest.fixture
def rig(tmp_path):
    """Return a device whose first model is confirmed and judges."""
    rig = ModelRig(tmp_path)
    rig.flash(1, confirm=True)
    rig.step()
    assert rig.models.title == "scripted-1.0.1"
    return rig


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


def frame():
    """Return a camera frame."""
    return bundles.picture()


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


def test_a_signature_that_is_not_trusted_any_more_is_refused(rig):
    """Between the switch and the agent's look somebody revoked the key."""
    rig.flash(2)
    (rig.trust / "office.pub").unlink()
    rig.step(times=3)
    assert rig.models.title == "scripted-1.0.1"
    assert "not trusted here" in rig.events("model_refused")[0]


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


def test_a_decayed_active_slot_gives_way_at_the_start(rig):
    """The other slot's model judges; with both gone everything is rejected and the agent is up."""
    rig.flash(2, confirm=True)
    path = bundle_path(rig.slots, rig.state.active)
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    rig.restart()
    rig.step(times=2)
    assert rig.models.title == "scripted-1.0.1"
    assert "scripted-1.0.2 is damaged" in rig.events("slots")[0]
    bundle_path(rig.slots, rig.state.active).unlink()
    rig.restart()
    rig.step(times=2)
    assert rig.models.current is None
    assert rig.models.tried.is_set()


def test_a_trial_that_takes_the_agent_down_is_left_after_some_starts(rig):
    """A crash counts as one: the model before judges again."""
    rig.flash(2)
    for _ in range(3):
        rig.restart()
        rig.step()
        assert rig.models.title == "scripted-1.0.2"
    rig.restart()
    rig.step()
    assert rig.models.title == "scripted-1.0.1"
    assert "took the agent down" in rig.events("slots")[0]
    assert rig.state.floors == dict.fromkeys(rig.state.floors, 1)


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


def test_a_state_that_is_damaged_meanwhile_changes_nothing(rig):
    """It is said once; what judges goes on."""
    for name in (STATE, COPY):
        (rig.slots / name).write_bytes(b"\0" * 50)
    rig.step(times=5)
    assert rig.models.title == "scripted-1.0.1"
    assert len(rig.events("slots")) == 1


def test_slots_that_cannot_be_written_do_not_keep_the_model_from_judging(rig, monkeypatch):
    """A read-only disk costs the settling, never the line."""

    def full(*_):
        raise OSError(30, "Read-only file system")

    rig.flash(2)
    monkeypatch.setattr("bundle.slot_files.replace_durably", full)
    rig.restart()
    rig.step(times=40)
    assert rig.models.title == "scripted-1.0.2"
    assert len(rig.events("slots")) == 1
    assert "Read-only" in rig.events("slots")[0]


def test_without_its_trust_folder_the_agent_is_up_and_rejects(rig):
    """Nothing is struck off the slots, and once it is mended the model judges."""
    before = rig.state
    (rig.trust / "office.pub").rename(rig.folder / "kept")
    rig.trust.rmdir()
    rig.restart()
    rig.step(times=3)
    assert rig.models.current is None
    assert "trust folder" in rig.models.state().refused
    assert rig.state == before
    rig.trust.mkdir()
    (rig.folder / "kept").rename(rig.trust / "office.pub")
    rig.step(seconds=31)
    assert rig.models.title == "scripted-1.0.1"


def test_unsigned_bundles_are_refused_unless_allowed_and_then_it_is_said(tmp_path):
    """The state says so for as long as the configuration does, also of a signed one."""
    (tmp_path / "no").mkdir()
    strict = ModelRig(tmp_path / "no")
    strict.do(lambda slots: slots.settle().state)
    assert not strict.models.state().unsigned_allowed
    (tmp_path / "yes").mkdir()
    place = 'slots = "slots"\ntrust = "trust"\nallow_unsigned = true'
    rig = ModelRig(tmp_path / "yes", model=place)
    rig.flash(1, key=None)
    rig.step()
    assert rig.models.title == "scripted-1.0.1"
    assert not rig.models.state().signed
    assert rig.models.state().unsigned_allowed
    rig.do(lambda slots: slots.confirm())
    rig.flash(2, confirm=True)
    rig.step()
    assert rig.models.state().signed
    assert rig.models.state().unsigned_allowed


def test_a_fixed_bundle_is_asked_for_its_signature_where_a_trust_folder_is_given(tmp_path):
    """Signed by the office it judges, by a stranger it is refused; without a folder nobody asks."""
    for name, key, trust, title in (
        ("good", None, False, "scripted-1.0.1"),
        ("office", "office", True, "scripted-1.0.1"),
        ("stranger", STRANGER, True, ""),
        ("unsigned", None, True, ""),
    ):
        folder = tmp_path / name
        folder.mkdir()
        rig = ModelRig(folder, model='bundle = "m.lwb"' + ('\ntrust = "trust"' if trust else ""))
        options = {} if key == "office" else {"key": key}
        (folder / "m.lwb").write_bytes(rig.made(1, **options))
        rig.step()
        assert rig.models.title == title, name
        assert rig.models.state().signed is (key == "office")
        assert rig.models.state().unsigned_allowed is not trust
        assert not rig.slots.exists()


def test_the_same_model_flashed_again_is_on_probation_without_being_opened_again(rig):
    """The same bytes are the same model; the parts start anew."""
    old = rig.models.current
    rig.flash(1)
    rig.step(times=2)
    assert rig.models.current is old
    assert rig.models.state().on_probation
    old.judge(frame())


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


def test_a_stopped_agent_says_that_nothing_judges(rig):
    """Whoever flashes then does not wait in vain."""
    rig.models.end()
    assert not rig.judging.ready
    rig.models.close()
    with pytest.raises(EngineError):
        rig.engines[0].infer()
