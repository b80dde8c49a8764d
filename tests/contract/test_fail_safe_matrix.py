"""The fail-safe matrix of docs/gates.md, cell by cell: what the gate does in each fault."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fail_safe_rig import SECOND, SECTIONS, FaultyLine, section_of

from agent.drill.steps import Fault, known_open

DOCS = Path(__file__).parents[2] / "docs" / "gates.md"
# From a fault on a permission that is out may still be used, and the heartbeat takes its time.
SETTLED_NS = SECOND
MATRIX = [fault for fault in Fault if fault is not Fault.BELT_STOP]


@pytest.mark.parametrize("column", sorted(SECTIONS))
def test_without_a_fault_good_parts_pass(column):
    """Else every cell below would hold of a gate that does nothing at all."""
    line = FaultyLine(column, None)
    line.run()
    late = [passed for at_ns, passed in line.met if at_ns > 10**10 + 2 * SECOND]
    assert len(late) >= 10
    assert all(late)


@pytest.mark.parametrize("fault", MATRIX, ids=lambda fault: fault.value)
@pytest.mark.parametrize("column", sorted(SECTIONS))
def test_every_part_is_diverted_unless_the_wiring_is_known_to_be_open(column, fault):
    """All parts are good and would pass; the fault diverts them, or the matrix says it cannot."""
    line = FaultyLine(column, fault)
    fault_ns = line.run()
    after = [passed for at_ns, passed in line.met if at_ns > fault_ns + SETTLED_NS]
    assert len(after) >= 7
    expected = fault in known_open(section_of(column))
    assert set(after) == {expected}


def table(heading):
    """Return a table of the page as {row: cells}."""
    text = DOCS.read_text("utf-8").split(heading, 1)[1]
    rows = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells and not set("".join(cells)) <= {"-", " "}:
            rows[cells[0]] = cells[1:]
        elif rows and not line.startswith("|"):
            break
    return rows


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("### energise_to_pass", ["controller-pass", "modbus-pass", "line"]),
        ("### energise_to_reject", ["controller-reject", "modbus-reject", "lcus", "lcus-held"]),
    ],
)
def test_the_page_says_what_the_tests_say(heading, columns):
    """Each cell begins with D or O; the drill, this file and the page have one matrix."""
    rows = table(heading)
    names = {
        Fault.PROCESS_DEAD: "process dead",
        Fault.CABLE_OUT: "cable out",
        Fault.CONTROLLER_DEAD: "controller, board dead",
        Fault.LATE_VERDICT: "late verdict",
        Fault.QUEUE_FULL: "queue full",
        Fault.HOST_DEAD: "host dead",
    }
    for fault in MATRIX:
        name = names.get(fault, fault.value.replace("_", " "))
        cells = next(cells for row, cells in rows.items() if name in row)
        cells = [cells[1] if cell == "as `modbus`" else cell for cell in cells]
        for column, cell in zip(columns, cells, strict=True):
            said_open = cell.replace("*", "").startswith("O")
            assert said_open is (fault in known_open(section_of(column))), (column, name, cell)


def test_the_page_names_only_tests_that_are_there():
    """A proof that was renamed or removed is no proof."""
    root = DOCS.parents[1] / "tests"
    sources = "\n".join(path.read_text("utf-8") for path in root.rglob("test_*.py"))
    section = DOCS.read_text("utf-8").split("## Fail-safe matrix", 1)[1].split("## What it says")[0]
    named = {
        name.split("[")[0] for name in re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){3,}\S*?)`", section)
    }
    assert len(named) > 20
    missing = {name for name in named if f"def test_{name}(" not in sources}
    assert not missing
