"""The independent judge finds what it is there to find."""

from __future__ import annotations

import json

from agent.sim.judge import judge, read_record


def line(belt_part, opened_for=None, part=0, boot=7):
    """Return one line of the belt's record."""
    part = belt_part + 1 if part == 0 else part
    return json.dumps(
        {
            "belt_part": belt_part,
            "arrival_ns": 0,
            "boot": boot,
            "part": part,
            "at_gate_ns": 5,
            "physically": "diverted" if opened_for is None else "passed",
            "opened_for": opened_for,
        }
    )


def test_a_clean_run_is_safe_and_balanced():
    """Each part its row, each PASS its gate."""
    found = judge(read_record([line(0, 1), line(1)]), [(7, 1, "PASS"), (7, 2, "REJECT")])
    assert (found.parts, found.passed, found.diverted) == (2, 1, 1)
    assert found.safe
    assert found.balanced
    assert not found.pass_diverted


def test_a_part_through_the_gate_of_another_is_found():
    """Its own PASS is no excuse when the gate was open for another part."""
    found = judge(read_record([line(0, 2)]), [(7, 1, "PASS")])
    assert [part.part for part in found.wrong_part] == [1]
    assert not found.safe


def test_a_part_through_without_its_pass_is_found():
    """REJECT, no row, another boot's row, or no number at all: each is a wrong part."""
    belt = [line(0, 1), line(1, 2), line(2, 3), line(3, 4, part=None)]
    rows = [(7, 1, "REJECT"), (8, 3, "PASS"), (7, 4, "PASS")]
    found = judge(read_record(belt), rows)
    assert [part.belt_part for part in found.wrong_part] == [0, 1, 2, 3]


def test_a_pass_that_was_diverted_is_found():
    """Safe, but not what the ledger says."""
    found = judge(read_record([line(0)]), [(7, 1, "PASS")])
    assert [part.part for part in found.pass_diverted] == [1]
    assert found.safe


def test_rows_and_parts_that_do_not_match_are_found():
    """Parts without a row, rows without a part, and rows that are there twice."""
    belt = [line(0), line(1), line(2, part=None)]
    rows = [(7, 1, "REJECT"), (7, 1, "REJECT"), (9, 1, "REJECT")]
    found = judge(read_record(belt), rows)
    assert [part.belt_part for part in found.without_row] == [1, 2]
    assert found.rows_without_part == ((9, 1, "REJECT"),)
    assert found.double_rows == ((7, 1),)
    assert not found.balanced


def test_other_lines_and_a_torn_last_one_are_skipped():
    """Boot and end lines, an empty line and half a line are no parts."""
    text = ['{"event": "boot", "boot": 7}', line(0), "", "[1]", line(1)[:20]]
    assert [part.belt_part for part in read_record(text)] == [0]
