"""Measure the branch coverage of what decides about parts, and hold it against docs/coverage.md.

    scripts/coverage_check.py                  run the tests, then compare; 1 for an unexplained gap
    scripts/coverage_check.py --write          and put the figures into the page
    scripts/coverage_check.py --figures FILE   compare what an earlier run has left

A gap is a function with lines or branches that no test takes. The page may explain it, with how
many there are: one more is a new gap.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from agent.clock import SystemClock  # noqa: E402
from agent.wall_time import iso_time  # noqa: E402

# What decides about a part, keeps its row, or opens a bundle.
SCOPE = {
    "gate drivers and protocol": ("agent/gates/",),
    "windows, cut-offs, the gate lane": (
        "agent/schedule.py", "agent/lanes/gate.py", "agent/lanes/lane.py",
    ),
    "score to verdict": ("bundle/policy.py", "agent/lanes/inspection.py"),
    "ledger and recorder": ("agent/ledger/", "agent/lanes/recorder.py", "agent/openings.py"),
    "bundle opening": tuple(
        f"bundle/{name}.py"
        for name in (
            "archive", "camera_settings", "container", "errors", "golden", "manifest", "needs",
            "prepare", "reference", "signature", "slot_deeds", "slot_files", "slot_state", "slots",
        )
    ),
}  # fmt: skip
TESTS = (
    "tests/agent/gates", "tests/agent/lanes", "tests/agent/ledger", "tests/agent/test_openings.py",
    "tests/agent/test_schedule.py", "tests/bundle", "tests/contract/test_gate_contract.py",
)  # fmt: skip
# The first two watch child processes, in which nothing is measured; the third takes minutes under a
# tracer, and no line that the others do not take.
LEFT_OUT = "not power_cuts and not kill_9 and not belt_line"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
HEAD = ("| what | files | lines | branches | not taken |", "|---|---|---|---|---|")
EXPLAINED = re.compile(r"^\| `([\w/]+\.py::[\w.<>]+)` \| (\d+) \| \S.* \|$", re.MULTILINE)


@dataclass(frozen=True)
class Figures:
    """Of some files: how many there are, their lines and branches, and those not taken."""

    files: int
    lines: int
    branches: int
    missing: int


def main() -> int:
    """Measure and compare; returns 1 where the page does not explain a gap."""
    options = _options()
    figures = options.figures or ROOT / "out" / "coverage.json"
    if options.figures is None and (failed := run_tests(figures, options.pytest)):
        return failed
    measured = json.loads(figures.read_text("utf-8"))["files"]
    page = options.page.read_text("utf-8")
    complaints = compare(dict(gaps(measured)), explanations(page))
    table = figures_table(measured)
    print("\n".join(table))
    print("\n".join(complaints))
    if options.write:
        options.page.write_text(with_table(page, table), "utf-8")
    return int(any(complaint.startswith("gap:") for complaint in complaints))


def run_tests(figures: Path, more: list[str]) -> int:
    """Run the tests with branch coverage; returns pytest's exit code."""
    figures.parent.mkdir(exist_ok=True)
    sources = {path.rstrip("/").removesuffix(".py") for paths in SCOPE.values() for path in paths}
    measured = [f"--cov={source.replace('/', '.')}" for source in sorted(sources)]
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-k", LEFT_OUT, *TESTS, *measured),
        *("--cov-branch", "--cov-report=", f"--cov-report=json:{figures}", *more),
    ]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def gaps(measured: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """Yield (file::function, lines and branches that no test takes); a module's own is <module>."""
    for path, file in sorted(measured.items()):
        if not any(_belongs(path, paths) for paths in SCOPE.values()):
            continue
        for name, function in file["functions"].items():
            missing = len(function["missing_lines"]) + len(function["missing_branches"])
            if missing:
                yield f"{path}::{name or '<module>'}", missing


def explanations(page: str) -> dict[str, int]:
    """Return how many lines and branches of which function the page explains."""
    return {name: int(count) for name, count in EXPLAINED.findall(page)}


def compare(found: dict[str, int], explained: dict[str, int]) -> list[str]:
    """Return a sentence for each gap that is not explained, and for what is explained in vain."""
    told = []
    for name, missing in found.items():
        known = explained.get(name, 0)
        if missing > known:
            but = f", the page explains {known}" if known else ": write a test, or explain it"
            told.append(f"gap: {name}: {missing} lines and branches are not taken{but}")
    told += [f"closed: {name} has no gap here" for name in explained.keys() - found.keys()]
    return told


def figures_table(measured: dict[str, Any]) -> list[str]:
    """Return the table of the page."""
    rows = []
    for what, paths in SCOPE.items():
        sums = [file["summary"] for path, file in measured.items() if _belongs(path, paths)]
        one = Figures(
            files=len(sums),
            lines=sum(each["num_statements"] for each in sums),
            branches=sum(each["num_branches"] for each in sums),
            missing=sum(each["missing_lines"] + each["missing_branches"] for each in sums),
        )
        share = 1 - one.missing / max(1, one.lines + one.branches)
        taken = "0" if not one.missing else f"{one.missing} ({share:.2%} are taken)"
        rows.append(f"| {what} | {one.files} | {one.lines} | {one.branches} | {taken} |")
    return [*HEAD, *rows]


def with_table(page: str, table: list[str]) -> str:
    """Return the page with these figures, of today, in the place of the last ones."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    day = iso_time(SystemClock().wall_ns())[:10]
    return "\n".join((f"{before}{BEGIN}", f"Measured {day}.", "", *table, f"{END}{after}"))


def _belongs(path: str, paths: tuple[str, ...]) -> bool:
    return any(path == one or (one.endswith("/") and path.startswith(one)) for one in paths)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Hold branch coverage against docs/coverage.md.")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "coverage.md")
    parser.add_argument("--figures", type=Path, help="figures of an earlier run")
    parser.add_argument("--write", action="store_true", help="put the figures into the page")
    parser.add_argument("pytest", nargs="*", help="further options of pytest, after --")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
