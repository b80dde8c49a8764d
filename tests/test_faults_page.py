"""docs/faults.md: all 66 faults stand there, and every test that it names exists."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "faults.md"
ROW = re.compile(r"^\| (\d+) \|(.*)\|$", re.MULTILINE)
NAME = re.compile(r"`([\w/]+\.py)::(\w+)`")
MARKS = re.compile(r"^(proven|missing: \S.*|partly: \S.*)$")


def rows():
    """Return {number: (fault, outcome, mark, tests)} of the page's table."""
    found = {}
    for number, rest in ROW.findall(PAGE.read_text("utf-8")):
        assert int(number) not in found, f"row {number} stands twice"
        fault, outcome, mark, tests = (cell.strip() for cell in rest.split(" | "))
        found[int(number)] = (fault, outcome, mark, NAME.findall(tests))
    return found


def test_names(path):
    """Return the tests that a file defines, without running it."""
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


test_names.__test__ = False


def test_all_66_faults_stand_on_the_page_with_a_mark():
    """Each row has its fault, its outcome and an honest mark; what is proven names its proof."""
    found = rows()
    assert sorted(found) == list(range(1, 67))
    for number, (fault, outcome, mark, tests) in found.items():
        assert fault, number
        assert outcome, number
        assert MARKS.match(mark), (number, mark)
        assert tests or mark.startswith("missing"), f"row {number} has no test"


def test_every_test_on_the_page_exists():
    """A proof that was renamed or removed is no proof."""
    named = {(file, name) for *_, tests in rows().values() for file, name in tests}
    assert len(named) > 100
    defined = {file: test_names(TESTS / file) for file, _ in named if (TESTS / file).is_file()}
    missing = {f"{file}::{name}" for file, name in named if name not in defined.get(file, set())}
    assert not missing
