"""A new model is confirmed by what it does on the line, or left at once."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_rig import PIXELS, SHORT, ModelRig

from agent.config.model import Probation as Section
from agent.models.probation import FEWEST_PARTS, Figures, Probation, Seen, seen_of
from agent.records import Judged, Part, Reason, Trigger, Verdict, VerdictKind
from bundle.errors import SlotBusyError, SlotError
from bundle.slots import open_slots

MS = 1_000_000
LIMIT = 100 * MS
PASS, REJECT, UNINSPECTED = VerdictKind.PASS, VerdictKind.REJECT, VerdictKind.UNINSPECTED
SECTION = Section(parts=100, minutes=0)


def figures(parts, *, rejects=0.1, uninspected=0.0, slow=0.0):
    """Return what a model before did: shares of its parts."""
    found = Figures()
    for number in range(parts):
        took = 2 * LIMIT if number < slow * parts else 0
        if number < uninspected * parts:
            found.add(Seen(UNINSPECTED, None, took), LIMIT)
            continue
        rejected = number >= parts - rejects * parts
        found.add(Seen(REJECT if rejected else PASS, 0.9 if rejected else 0.1, took), LIMIT)
    return found


def probation(section=SECTION, before=None):
    """Return a probation that began at 0."""
    return Probation(section, "m-2", LIMIT, before, 0)


def add(trial, count, kind=PASS, score=0.1, took_ns=0):
    """Add equal parts."""
    for _ in range(count):
        trial.add(Seen(kind, score, took_ns))


def test_parts_and_minutes_must_both_be_over():
    """A quiet line takes longer, a fast one waits for the minutes."""
    trial = probation(Section(parts=100, minutes=10))
    add(trial, 99)
    assert trial.ending(int(11 * 60e9)) == "running"
    add(trial, 1)
    assert trial.ending(int(9.9 * 60e9)) == "running"
    assert trial.ending(int(10 * 60e9)) == "passed"
    status = trial.status(int(10 * 60e9))
    assert (status.parts, status.wanted_parts, status.state) == (100, 100, "passed")
    assert (status.minutes, status.wanted_minutes) == (10.0, 10.0)


@pytest.mark.parametrize("before", [None, 0.0, 0.05])
def test_more_uninspected_than_before_ends_it_at_once(before):
    """It fails with the first part too many, not at the end; what was usual before counts."""
    usual = figures(400, uninspected=before) if before is not None else None
    trial = probation(before=usual)
    allowed = math.floor(100 * (0.02 + (before or 0.0)))
    add(trial, allowed, UNINSPECTED, None)
    assert trial.ending(0) == "running"
    add(trial, 1, UNINSPECTED, None)
    assert trial.ending(0) == "failed"
    assert "UNINSPECTED because the model failed or was too slow" in trial.findings()[0]


def test_one_verdict_in_a_hundred_may_be_slow():
    """The p99 lies within the line's cut-off, or what the configuration says."""
    trial = probation()
    add(trial, 1, took_ns=LIMIT + 1)
    add(trial, 50, took_ns=LIMIT)
    assert trial.ending(0) == "running"
    add(trial, 1, took_ns=LIMIT + 1)
    assert "2 of 52 verdicts took longer than 100 ms" in trial.findings()[0]
    strict = probation(Section(parts=100, minutes=0, max_p99_ms=20))
    add(strict, 2, took_ns=21 * MS)
    assert "longer than 20 ms" in strict.findings()[0]


def test_a_line_that_was_slow_before_does_not_blame_the_new_model():
    """The model before was as slow."""
    trial = probation(before=figures(400, slow=0.2))
    add(trial, 20, took_ns=2 * LIMIT)
    assert trial.findings() == ()


def test_a_model_that_rejects_everything_fails_after_a_few_dozen_parts():
    """With a model before it, or without."""
    for before in (None, figures(400)):
        trial = probation(before=before)
        add(trial, FEWEST_PARTS - 1, REJECT, 0.9)
        assert trial.ending(0) == "running"
        add(trial, 1, REJECT, 0.9)
        assert trial.ending(0) == "failed"
        assert "it rejects 100.0% of the parts" in trial.findings()[0]


def test_a_model_that_passes_everything_fails_where_rejects_were_usual():
    """Bad parts would get through; where rejects are rare nothing follows from it."""
    trial = probation(before=figures(1000))
    add(trial, 99, PASS, 0.12)
    assert trial.findings() == ()
    add(trial, 1, PASS, 0.12)
    assert "it passed all 100 parts; the model before rejected 10.0%" in trial.findings()[0]
    rare = probation(before=figures(1000, rejects=0.01))
    add(rare, 500, PASS, 0.12)
    assert rare.findings() == ()


def test_other_scores_fail_even_with_the_same_rejects():
    """A mean score far from that of the model before is another model of another part."""
    trial = probation(before=figures(1000, rejects=0.0))
    add(trial, 100, PASS, 0.45)
    assert "its mean score is 0.45, that of the model before 0.10" in trial.findings()[0]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.0, 0.4))
def test_a_model_as_good_as_the_one_before_passes(seed, share):
    """Chance alone fails none, whatever the line's reject rate is."""
    import random

    rng = random.Random(seed)

    def drawn(count):
        for _ in range(count):
            bad = rng.random() < share
            yield Seen(REJECT if bad else PASS, rng.uniform(0.6, 1) if bad else 0.1, 10)

    before = Figures()
    for seen in drawn(400):
        before.add(seen, LIMIT)
    trial = probation(before=before)
    for seen in drawn(200):
        trial.add(seen)
        assert trial.findings() == ()
    assert trial.ending(0) == "passed"


def judged(kind, reason=Reason.NONE, score=None, *, pixels=True):
    """Return what the recorder has written of a part that took 30 ms."""
    part = Part(1, Trigger(1, 1, 500 * MS))
    verdict = Verdict(part, kind, reason, score, "m", judged_ns=530 * MS)
    return Judged(verdict, PIXELS if pixels else None)


def test_only_the_models_own_doing_counts():
    """Neither a lost camera, nor a bypass, nor a late commit speaks against a model."""
    assert seen_of(judged(PASS, score=0.2)) == Seen(PASS, 0.2, 30 * MS)
    for reason in (Reason.ENGINE, Reason.LATE, Reason.OVERLOAD, Reason.FRAME):
        assert seen_of(judged(UNINSPECTED, reason)) == Seen(UNINSPECTED, None, 30 * MS)
    late = judged(UNINSPECTED, Reason.LATE, 0.2)
    assert seen_of(late) == Seen(UNINSPECTED, None, 30 * MS)
    assert seen_of(judged(UNINSPECTED, Reason.LATE, 0.2, pixels=False)) is None
    others = set(Reason) - {Reason.ENGINE, Reason.LATE, Reason.OVERLOAD, Reason.FRAME}
    assert all(seen_of(judged(UNINSPECTED, reason)) is None for reason in others)


@pytest.fixture
def rig(tmp_path):
    """Return a device whose second model is on probation; the first rejected each tenth part."""
    rig = ModelRig(tmp_path)
    rig.flash(1, confirm=True)
    rig.step()
    rig.usual_parts(200)
    rig.step()
    rig.flash(2)
    rig.step()
    assert rig.models.title == "scripted-1.0.2"
    return rig


def test_a_model_that_does_well_is_confirmed_by_the_agent(rig):
    """Then the floor has risen, and the audit chain names the agent."""
    rig.usual_parts(30)
    rig.step()
    assert rig.state.on_trial
    assert rig.judging.probation.state == "running"
    rig.step(seconds=61)
    rig.step()
    assert rig.state.judging.status == "good"
    assert set(rig.state.floors.values()) == {2}
    assert rig.judging.probation.state == "passed"
    assert rig.judging.probation.parts == 30
    assert rig.models.title == "scripted-1.0.2"
    row = next(row for row in rig.deeds() if row.deed == "confirmed" and "(release 2)" in row.text)
    assert "by the agent at " in row.text


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"kind": UNINSPECTED, "score": None, "reason": Reason.ENGINE}, "UNINSPECTED because"),
        ({"kind": PASS, "score": 0.1, "took_ms": 900}, "verdicts took longer"),
        ({"kind": REJECT, "score": 0.9}, "it rejects"),
    ],
)
def test_a_model_that_misbehaves_is_left_at_once(rig, bad, words):
    """The old model judges again, without a gap; event and audit row say why, the floor stays."""
    rig.parts(60, **bad)
    rig.models.step()
    assert rig.models.title == "scripted-1.0.1"
    assert rig.state.judging.title == "scripted-1.0.1"
    assert set(rig.state.floors.values()) == {1}
    assert rig.state.slots[rig.state.free].status == "failed"
    (text,) = rig.events("probation_failed")
    assert words in text
    assert rig.judging.probation.state == "failed"
    assert words in rig.judging.probation.findings[0]
    assert rig.deeds()[-2].deed == "rolled_back"
    rig.step(times=3)
    assert rig.judging.probation.state == "failed"
    assert len(rig.events("model_rolled_back")) == 1


def test_parts_from_before_the_swap_say_nothing_of_the_new_model(tmp_path):
    """They waited while it was opened."""
    rig = ModelRig(tmp_path)
    rig.flash(1, confirm=True)
    rig.step()
    rig.parts(60, UNINSPECTED, None, reason=Reason.LATE)
    rig.flash(2)
    rig.models._look()
    rig.step(times=2)
    assert rig.judging.probation.parts == 0
    assert rig.state.on_trial


def test_a_technician_ends_a_probation_either_way(rig):
    """Confirmed, nothing is watched any more; taken off, the old model is back."""
    rig.do(lambda slots: slots.confirm())
    rig.step()
    rig.parts(100, REJECT, 0.9)
    rig.step()
    assert rig.models.title == "scripted-1.0.2"
    rig.do(lambda slots: slots.rollback())
    rig.step()
    assert rig.models.title == "scripted-1.0.1"


def test_a_disk_that_takes_nothing_does_not_keep_a_bad_model(rig, monkeypatch):
    """The old one judges at once; the slots are told when they can be written again."""

    def full(*_):
        raise SlotError("cannot write the state: No space left on device")

    monkeypatch.setattr("bundle.slots.write_state", full)
    rig.parts(60, REJECT, 0.9)
    rig.step(times=3)
    assert rig.models.title == "scripted-1.0.1"
    assert rig.state.judging.title == "scripted-1.0.2"
    assert len(rig.events("slots")) == 1
    monkeypatch.undo()
    rig.step(seconds=6)
    assert rig.state.judging.title == "scripted-1.0.1"
    assert rig.models.title == "scripted-1.0.1"
    assert len(rig.events("model_rolled_back")) == 1


def test_a_technician_who_holds_the_slots_does_not_keep_a_bad_model(rig):
    """The lock is waited for by nobody."""
    with open_slots(rig.slots, None):
        rig.parts(60, REJECT, 0.9)
        rig.step(times=3)
        assert rig.models.title == "scripted-1.0.1"
    rig.step()
    assert rig.state.judging.title == "scripted-1.0.1"
    with pytest.raises(SlotBusyError), open_slots(rig.slots, None), open_slots(rig.slots, None):
        pass


def test_a_first_model_that_fails_leaves_none(tmp_path):
    """Everything is rejected, and said."""
    rig = ModelRig(tmp_path, SHORT)
    rig.flash(1)
    rig.step()
    rig.parts(60, UNINSPECTED, None, reason=Reason.ENGINE)
    rig.step(times=2)
    assert rig.models.current is None
    assert rig.state.active is None
    assert "no model is left" in rig.events("model_rolled_back")[0]


def test_a_restart_begins_the_probation_anew(rig):
    """What was counted is gone with the process; the parts are asked for again."""
    rig.usual_parts(30)
    rig.step()
    rig.restart()
    rig.step(times=2)
    assert rig.judging.probation.parts == 0
    assert rig.judging.probation.state == "running"
