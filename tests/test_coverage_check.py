"""The coverage page: a gap that it does not explain is found, and what it explains is there."""

import ast
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "scripts" / "coverage_check.py"
PAGE = ROOT / "docs" / "coverage.md"
PATH = "agent/ledger/export.py"
ROW = "| `agent/ledger/export.py::export_csv` | 2 | no such disk here |\n"
EMPTY = "# Coverage\n<!-- figures: begin -->\nold\n<!-- figures: end -->\n"


def load():
    """Return the script as a module."""
    spec = importlib.util.spec_from_file_location("coverage_check", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


def measured(missing, path=PATH):
    """Return figures as coverage writes them, of one function with so many lines not taken."""
    function = {"missing_lines": list(range(missing)), "missing_branches": []}
    summary = {
        "num_statements": 10, "num_branches": 4, "missing_lines": missing, "missing_branches": 0,
    }  # fmt: skip
    return {"files": {path: {"summary": summary, "functions": {"export_csv": function}}}}


def check(tmp_path, figures, page, *options):
    """Run the script on figures and a page of our own."""
    (tmp_path / "figures.json").write_text(json.dumps(figures))
    (tmp_path / "page.md").write_text(page)
    return subprocess.run(
        [sys.executable, SCRIPT, "--figures", tmp_path / "figures.json", "--page",
         tmp_path / "page.md", *options],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("missing", "page", "code", "words"),
    [
        (0, EMPTY, 0, "| 1 | 10 | 4 | 0 |"),
        (2, EMPTY, 1, "gap: agent/ledger/export.py::export_csv: 2 lines"),
        (2, EMPTY + ROW, 0, "2 (85.71% are taken)"),
        (3, EMPTY + ROW, 1, "3 lines and branches are not taken, the page explains 2"),
        (0, EMPTY + ROW, 0, "closed: agent/ledger/export.py::export_csv has no gap here"),
    ],
)
def test_a_gap_is_explained_or_it_fails(tmp_path, missing, page, code, words):
    """One line more than what the page explains is a new gap; one that is closed is told."""
    done = check(tmp_path, measured(missing), page)
    assert done.returncode == code, done.stdout + done.stderr
    assert words in done.stdout


def test_what_decides_nothing_is_not_asked_for(tmp_path):
    """Files beside the scope may have gaps: they are other tests' business."""
    done = check(tmp_path, measured(5, "agent/demo/view.py"), EMPTY)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_figures_take_the_place_of_the_last_ones(tmp_path):
    """The rest of the page stays as it is."""
    assert check(tmp_path, measured(0), EMPTY + ROW, "--write").returncode == 0
    page = (tmp_path / "page.md").read_text()
    assert page.startswith("# Coverage\n<!-- figures: begin -->\nMeasured ")
    assert page.endswith(f"<!-- figures: end -->\n{ROW}")
    assert "| ledger and recorder | 1 | 10 | 4 | 0 |" in page


def test_what_the_page_explains_is_there():
    """A function that was renamed or removed needs no explanation; a file out of scope neither."""
    script = load()
    in_scope = [path for paths in script.SCOPE.values() for path in paths]
    explained = script.explanations(PAGE.read_text("utf-8"))
    assert explained
    for name in explained:
        path, function = name.split("::")
        assert any(path.startswith(one) for one in in_scope), name
        assert function.split(".")[0] in defined(ROOT / path), name


def test_all_that_is_measured_and_run_exists():
    """A package that was moved shall not drop out of the scope unnoticed."""
    script = load()
    paths = [*script.TESTS, *(path for paths in script.SCOPE.values() for path in paths)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def defined(path):
    """Return the functions and classes of a file, by the names that coverage gives them."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in tree.body if isinstance(node, kinds)}
