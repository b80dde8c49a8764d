"""What the host remembers of a controller's parts."""

from __future__ import annotations

from agent.gates.codes import ReportKind
from agent.gates.partbook import MAX_PARTS, PartBook
from agent.records import GateOutcome, OutcomeCode, Trigger


def test_a_row_of_another_controllers_boot_is_told_to_nobody():
    """The present one would take it for a part of its own."""
    book = PartBook()
    book.begin(2)
    assert book.note(Trigger(1, 5, 0)) is None
    assert book.note(Trigger(2, 5, 0)) == (ReportKind.TRIGGER, 5)


def test_a_part_that_was_forgotten_is_confirmed_all_the_same():
    """Its row is committed: the controller need not repeat it, whatever the host remembers."""
    book = PartBook()
    book.begin(1)
    for part in range(1, MAX_PARTS + 2):
        assert book.hand(ReportKind.OUTCOME, part)
    assert book.note(GateOutcome(1, 1, OutcomeCode.PASSED, 0)) == (ReportKind.OUTCOME, 1)
    assert not book.recorded(ReportKind.OUTCOME, 1)
    book.note(GateOutcome(1, 2, OutcomeCode.PASSED, 0))
    assert book.recorded(ReportKind.OUTCOME, 2)
