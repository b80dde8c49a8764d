"""The agent's own rows in the audit chain: only what changed, told to the plant, never a stop."""

from __future__ import annotations

import pytest
from bundles import some_manifest

from agent.audit.chain import AuditChain, who_runs
from agent.audit.deeds import Deeds
from agent.audit.rows import CHAIN_NAME, Deed, anchor_text, find_anchors, parse_line
from agent.audit.verify import verify_folder
from agent.clock import ManualClock
from bundle.manifest import Entry, Thresholds


def manifest(reject_at=0.5, digest="a" * 64):
    """Return a manifest with thresholds and a model of its own."""
    return some_manifest(
        thresholds=Thresholds(reject_at=reject_at, recheck_at=0.3, chosen="by hand"),
        entries={"model.tflite": Entry(size=1, sha256=digest)},
    )


class Desk:
    """Deeds on a folder, with what they tell."""

    def __init__(self, folder):
        self.folder = folder
        self.told = []
        self.deeds = self.again()

    def again(self):
        """Return the deeds of the next start of the agent."""
        self.deeds = Deeds(
            self.folder, ManualClock(), lambda kind, text: self.told.append((kind, text))
        )
        return self.deeds

    def rows(self):
        """Return the chain's rows after its first."""
        lines = (self.folder / CHAIN_NAME).read_bytes().splitlines()
        return [parse_line(line).row for line in lines][1:]


@pytest.fixture
def desk(tmp_path):
    """Return deeds on an empty folder."""
    return Desk(tmp_path)


def test_a_deed_is_a_row_and_an_event_that_names_it(desk):
    """Who, what and the hash: whoever keeps the event can prove the row."""
    assert desk.deeds.head == ""
    desk.deeds.note(Deed.STARTED, "the agent was started on press-3")
    ((kind, text),) = desk.told
    (row,) = desk.rows()
    assert (row.deed, row.who, row.text) == ("started", who_runs(), text.split(": ", 1)[1][:32])
    assert kind == "audit"
    (anchor,) = find_anchors(text)
    assert anchor.text == desk.deeds.head
    assert verify_folder(desk.folder, [anchor]).sound


def test_the_model_is_told_once_and_again_when_it_is_another(desk):
    """Title and digest: a model that was rebuilt under its old name is another one."""
    desk.deeds.note_model("casting-1", manifest())
    assert [row.deed for row in desk.rows()] == ["model", "threshold"]
    desk.again().note_model("casting-1", manifest())
    assert len(desk.rows()) == 2
    desk.again().note_model("casting-2", manifest())
    desk.again().note_model("casting-2", manifest(digest="b" * 64))
    model = [row.detail for row in desk.rows() if row.deed == "model"]
    assert [(one["was"], one["now"]) for one in model] == [
        ("not known", "casting-1"), ("casting-1", "casting-2"), ("casting-2", "casting-2"),
    ]  # fmt: skip
    assert [one["sha256"][0] for one in model] == ["a", "a", "b"]


def test_a_threshold_is_told_to_the_last_digit(desk):
    """A row of its own, with what it was."""
    desk.deeds.note_model("casting-1", manifest(0.5))
    desk.again().note_model("casting-1", manifest(0.5000000000000001))
    assert [row.deed for row in desk.rows()] == ["model", "threshold", "threshold"]
    last = desk.rows()[-1]
    assert last.detail == {
        "was": "reject_at 0.5, recheck_at 0.3",
        "now": "reject_at 0.5000000000000001, recheck_at 0.3",
    }
    assert "it was reject_at 0.5," in last.text


def test_a_row_that_cannot_be_written_is_told_and_nothing_more(desk):
    """Nothing is raised; once the chain can be written, deeds stand in it again."""
    (desk.folder / CHAIN_NAME).mkdir()
    desk.deeds.note(Deed.STARTED, "the agent was started on press-3")
    desk.deeds.note_model("casting-1", manifest())
    assert [kind for kind, _ in desk.told] == ["audit_lost"] * 3
    assert "the agent was started on press-3" in desk.told[0][1]
    assert CHAIN_NAME in desk.told[0][1]
    (desk.folder / CHAIN_NAME).rmdir()
    desk.deeds.note_model("casting-1", manifest())
    assert [row.deed for row in desk.rows()] == ["model", "threshold"]
    assert verify_folder(desk.folder).sound


def test_the_head_is_that_of_a_technicians_row_too(desk):
    """It is published whoever has appended."""
    desk.deeds.note(Deed.STARTED, "x")
    head = AuditChain(desk.folder, ManualClock()).append(Deed.BYPASSED, "anna", "bypassed")
    assert desk.deeds.head == head.text
    assert find_anchors(anchor_text(head)) == [head]
