"""The recorder: durable before anybody hears of it, patient with a failing disk."""

import pytest
from recorder_rig import Desk, judged, part

from agent.records import Event, Judged, Reason, VerdictKind


@pytest.fixture
def desk():
    """Return a recorder with default options."""
    return Desk()


def test_what_came_in_meanwhile_is_one_transaction(desk):
    """Group commit: one write for all, and word of all of it after."""
    for seq in (1, 2, 3):
        desk.inbox.put(part(seq))
    desk.lane.step()
    assert [len(batch) for batch in desk.ledger.batches] == [3]
    assert [item.seq for item in desk.words[0].parts] == [1, 2, 3]


def test_nobody_hears_of_what_was_not_written(desk):
    """A failed commit gives no word; the same rows are written once the disk is back."""
    desk.inbox.put(part())
    desk.ledger.failures = 2
    desk.lane.step()
    assert desk.words == []
    assert desk.lane.disk_fault
    desk.lane.step()
    assert desk.words == []
    desk.lane.step()
    assert [item.seq for item in desk.words[0].parts] == [1]
    assert desk.ledger.reopened == 2
    assert not desk.lane.disk_fault
    desk.lane.step()
    assert isinstance(desk.ledger.batches[-1][0].event, Event)


def test_a_pass_that_could_not_be_recorded_in_time_is_not_passed(desk):
    """After a failed commit a PASS is written as UNINSPECTED, reason disk."""
    desk.inbox.put(judged(VerdictKind.PASS))
    desk.ledger.failures = 1
    desk.lane.step()
    desk.lane.step()
    (word,) = desk.words
    assert [(v.kind, v.reason) for v in word.verdicts] == [(VerdictKind.UNINSPECTED, Reason.DISK)]


@pytest.mark.parametrize(
    ("kind", "seq", "kept"),
    [
        (VerdictKind.REJECT, 7, True),
        (VerdictKind.RECHECK, 7, True),
        (VerdictKind.UNINSPECTED, 7, True),
        (VerdictKind.PASS, 7, False),
        (VerdictKind.PASS, 200, True),
    ],
)
def test_rejects_and_a_sample_of_passes_are_kept(desk, kind, seq, kept):
    """The row names the picture, and the picture is written after the commit."""
    desk.inbox.put(judged(kind, seq))
    desk.lane.step()
    assert bool(desk.pictures.kept) == kept
    assert desk.ledger.batches[0][0].picture == (f"{seq}.png" if kept else "")


def test_pictures_can_be_switched_off():
    """With keep_rejects off and no sample nothing is kept."""
    desk = Desk(keep_rejects=False, keep_pass_every=0)
    desk.inbox.put(judged(VerdictKind.REJECT))
    desk.inbox.put(judged(VerdictKind.PASS, 100))
    desk.lane.step()
    assert desk.pictures.kept == []


def test_group_ms_waits_for_company():
    """With group_ms set, what comes in during the wait goes into the same commit."""
    desk = Desk(group_ms=20)
    desk.inbox.put(part(1))
    sleep = desk.lane.clock.sleep
    desk.lane.clock.sleep = lambda seconds: (sleep(seconds), desk.inbox.put(part(2)))
    desk.lane.step()
    assert [len(batch) for batch in desk.ledger.batches] == [2]


def test_an_unexpected_fault_keeps_what_it_interrupted(desk, monkeypatch):
    """Whatever breaks in a write, its rows are tried again."""
    desk.inbox.put(part())

    def broken(batch):
        raise ValueError("scripted")

    monkeypatch.setattr(desk.ledger, "write", broken)
    with pytest.raises(ValueError, match="scripted"):
        desk.lane.step()
    desk.lane.on_fault()
    monkeypatch.undo()
    desk.lane.step()
    assert [item.seq for item in desk.words[0].parts] == [1]


def test_what_the_watch_tells_is_written_as_an_event(desk):
    """In the next commit, and it is shown each part once, behind the word to the gate lane."""
    desk.inbox.put(judged(VerdictKind.PASS))
    words_before = []
    observe = desk.watch.observe
    desk.watch.observe = lambda *of: (words_before.append(len(desk.words)), observe(*of))[1]
    desk.lane.step()
    desk.lane.step()
    assert desk.ledger.batches[1][0].event == Event("drift", "x", 0)
    assert [[type(item) for item in group] for group in desk.watch.shown] == [[Judged], [Event]]
    assert words_before == [1, 2]


def test_what_was_not_written_is_not_watched(desk):
    """A part counts once, however often its commit fails."""
    desk.inbox.put(judged(VerdictKind.REJECT))
    desk.ledger.failures = 2
    for _ in range(3):
        desk.lane.step()
    assert sum(isinstance(item, Judged) for group in desk.watch.shown for item in group) == 1


def test_the_end_writes_what_is_left(desk):
    """Nothing handed over before the end is lost."""
    for seq in range(1, 5):
        desk.inbox.put(part(seq))
    desk.lane.end()
    assert sum(len(batch) for batch in desk.ledger.batches) == 4
