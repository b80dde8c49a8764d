"""What was done to the slots reaches the audit chain and the plant, also while nobody ran."""

from __future__ import annotations

import pytest
from model_rig import ModelRig

from agent.audit.chain import AuditChain
from agent.audit.rows import CHAIN_NAME
from agent.audit.verify import verify_folder
from bundle.slot_files import COPY, STATE
from bundle.slot_state import MOST_DEEDS

KINDS = ("flashed", "confirmed", "rolled_back", "shadowed", "missed")


@pytest.fixture
def rig(tmp_path):
    """Return a device whose agent has not come round yet."""
    return ModelRig(tmp_path)


def done(rig):
    """Return deed and doer of each row on the slots."""
    rows = [row for row in rig.deeds() if row.deed in KINDS]
    return [(row.deed, row.text.rpartition("; by ")[2]) for row in rows]


def told(rig):
    """Return the doers that the events on the slots name."""
    kinds = ("model_flashed", "model_confirmed", "model_rolled_back", "shadow_began", "shadow_over")
    return [text.rpartition("; by ")[2] for kind, text in rig.told if kind in kinds]


def flash(rig, number, by):
    """Flash a release as somebody."""
    rig.do(lambda slots: slots.install(rig.made(number)), by)
    rig.do(lambda slots: slots.switch(), by)


def six_deeds(rig):
    """Do six things, each as somebody else."""
    flash(rig, 1, "anna")
    rig.do(lambda slots: slots.confirm(), "bert")
    flash(rig, 2, "carla")
    rig.do(lambda slots: slots.confirm(), "dora")
    flash(rig, 3, "emil")
    rig.do(lambda slots: slots.rollback(), "fritz")


SIX = [
    ("flashed", "anna"), ("confirmed", "bert"), ("flashed", "carla"), ("confirmed", "dora"),
    ("flashed", "emil"), ("rolled_back", "fritz"),
]  # fmt: skip
NAMES = [name for _, name in SIX]


def test_what_is_done_while_the_agent_is_stopped_is_told_at_its_start_once(rig):
    """Rows and events, in the order of the deeds; a restart tells nothing again."""
    six_deeds(rig)
    rig.step(times=3)
    assert (done(rig), told(rig)) == (SIX, NAMES)
    assert rig.models.title == "scripted-1.0.2"
    for _ in range(2):
        rig.restart()
        rig.step(times=3)
    assert (done(rig), told(rig)) == (SIX, NAMES)
    assert verify_folder(rig.ledger).sound


def test_two_deeds_between_two_looks_are_both_told(rig):
    """A running agent sees only the last state, and yet everybody is named."""
    rig.step()
    six_deeds(rig)
    rig.step(times=3)
    assert (done(rig), told(rig)) == (SIX, NAMES)


@pytest.mark.parametrize("is_durable", [True, False], ids=["after", "before"])
@pytest.mark.parametrize("row", range(6))
def test_a_kill_between_two_rows_doubles_and_loses_none(rig, monkeypatch, row, is_durable):
    """The process ends before or after any row is durable; the next start goes on from there."""

    class KillError(BaseException):
        pass

    append, count = AuditChain.append, 0

    def killed(*args, **options):
        nonlocal count
        count += 1
        if count <= row:
            return append(*args, **options)
        if is_durable:
            append(*args, **options)
        raise KillError

    six_deeds(rig)
    with monkeypatch.context() as patch:
        patch.setattr(AuditChain, "append", killed)
        with pytest.raises(KillError):
            rig.step()
    rig.restart()
    rig.step(times=3)
    assert done(rig) == SIX


def test_deeds_that_their_list_no_longer_holds_are_said_to_be_missing(rig):
    """How many, once; all that the list still holds follow."""
    flash(rig, 1, "anna")
    rig.do(lambda slots: slots.confirm(), "bert")
    rig.step()
    for _ in range(MOST_DEEDS // 2 + 2):
        rig.do(lambda slots: slots.install(rig.made(2), force=True))
        rig.do(lambda slots: slots.switch(), "carla")
        rig.do(lambda slots: slots.rollback(), "dora")
    for _ in range(2):
        rig.restart()
        rig.step(times=2)
    text = "deeds 3 to 6 on the slots are missing: too many before the agent ran"
    assert done(rig)[:3] == [*SIX[:2], ("missed", text)]
    assert done(rig)[3:] == [("flashed", "carla"), ("rolled_back", "dora")] * (MOST_DEEDS // 2)
    assert rig.events("slots") == [text]


def test_deeds_on_slots_begun_anew_are_told_though_their_numbers_were_there(rig):
    """State and copy are lost: the next deed has the number 1 again."""
    six_deeds(rig)
    rig.step()
    for name in (STATE, COPY):
        (rig.slots / name).unlink()
    flash(rig, 4, "gina")
    rig.restart()
    rig.step(times=2)
    assert done(rig) == [*SIX, ("flashed", "gina")]


def test_a_state_that_falls_back_to_its_copy_doubles_no_row(rig):
    """The copy is a deed behind: what the chain tells stays told, and what comes then follows."""
    flash(rig, 1, "anna")
    behind = (rig.slots / COPY).read_bytes()
    rig.do(lambda slots: slots.confirm(), "bert")
    rig.step()
    (rig.slots / COPY).write_bytes(behind)
    (rig.slots / STATE).write_bytes(b"worn")
    rig.restart()
    rig.step()
    assert done(rig) == SIX[:2]
    rig.do(lambda slots: slots.confirm(), "hugo")
    rig.step()
    assert done(rig) == [*SIX[:2], ("confirmed", "hugo")]


def test_a_chain_that_cannot_be_read_is_tried_again_and_nothing_is_doubled(rig):
    """It says so once; the line runs on meanwhile."""
    flash(rig, 1, "anna")
    rig.step()
    path = rig.ledger / CHAIN_NAME
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    rig.do(lambda slots: slots.confirm(), "bert")
    rig.restart()
    rig.step(times=20)
    assert rig.models.title == "scripted-1.0.1"
    waits = [text for text in rig.events("audit_lost") if "waits" in text]
    assert len(waits) == 1
    path.rmdir()
    path.with_suffix(".away").rename(path)
    rig.step(seconds=5, times=2)
    assert (done(rig), told(rig)) == (SIX[:2], NAMES[:2])


def test_a_row_that_could_not_be_written_is_written_by_the_next_start(rig):
    """It is told at once as an event, and as lost."""
    flash(rig, 1, "anna")
    rig.step()
    path = rig.ledger / CHAIN_NAME
    path.rename(path.with_suffix(".away"))
    path.mkdir()
    rig.do(lambda slots: slots.confirm(), "bert")
    rig.step()
    assert rig.events("audit_lost")
    assert told(rig) == NAMES[:2]
    path.rmdir()
    path.with_suffix(".away").rename(path)
    rig.restart()
    rig.step()
    assert done(rig) == SIX[:2]


def test_what_the_start_puts_right_is_a_row_of_the_agent(rig):
    """A model that took the agent down again and again is left, and that is told like any deed."""
    flash(rig, 1, "anna")
    rig.do(lambda slots: slots.confirm(), "bert")
    flash(rig, 2, "carla")
    for _ in range(4):
        rig.restart()
        rig.step()
    assert [deed for deed, _ in done(rig)] == ["flashed", "confirmed", "flashed", "rolled_back"]
    assert done(rig)[-1][1].startswith("the agent at ")
