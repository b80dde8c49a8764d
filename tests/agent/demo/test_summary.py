"""The demo's last word is the judge's, not the agent's."""

import json

import pytest

from agent.demo.summary import summarise
from agent.sim.judge import BeltPart
from agent.tally import Tally

ROWS = [(7, 1, "PASS"), (7, 2, "REJECT"), (7, 3, "PASS"), (7, 4, "UNINSPECTED")]


def belt(passed=(1, 3)):
    """Return four parts, some of them physically passed."""
    return [
        BeltPart(number - 1, 7, number, number if number in passed else None, 0)
        for number in (1, 2, 3, 4)
    ]


def summary(parts=None, rows=None, results=(4, 0), truth=lambda part: part in {1, 2}):
    """Return the summary of a small line: parts 1 and 2 of the belt are defective."""
    rows = ROWS if rows is None else rows
    return summarise("m-1", parts or belt(), rows, truth, Tally().snapshot(), results)


def test_escapes_and_false_rejects_count_parts_at_the_gate():
    """A defective part that physically passed is an escape, whatever the ledger says."""
    found = summary()
    assert (found.passed, found.diverted, found.wrong_part_gates) == (2, 2, 0)
    assert (found.escapes, found.defective) == (1, 2)
    assert (found.false_rejects, found.good) == (1, 2)
    assert found.kept_promises


@pytest.mark.parametrize(
    "broken",
    [
        {"parts": belt(passed=(1, 2, 3))},  # a rejected part went through
        {"rows": ROWS[:3]},  # a part without a row
        {"rows": [*ROWS, (7, 9, "PASS")]},  # a row without a part
        {"rows": [*ROWS, ROWS[0]]},  # counted twice
        {"results": (3, 0)},  # the plant did not hear of one
    ],
)
def test_a_broken_promise_is_said(broken):
    """Wrong gates, missing rows, double counts and lost results fail the demo."""
    assert not summary(**broken).kept_promises


def test_parts_that_nobody_knows_are_neither():
    """Pictures outside of known folders count for no figure, and that is said."""
    found = summary(truth=lambda _: None)
    assert (found.defective, found.good, found.unknown) == (0, 0, 4)
    assert "no label" in found.to_text()


def test_it_can_be_read_by_people_and_programs():
    """Text and JSON say the same balance."""
    found = summary()
    assert "4 parts = 2 PASS + 1 REJECT + 0 RECHECK + 1 UNINSPECTED" in found.to_text()
    assert json.loads(found.to_json())["verdicts"]["PASS"] == 2
    assert "IS NOT" in summary(rows=ROWS[:3]).to_text()
