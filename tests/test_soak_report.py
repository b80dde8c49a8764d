"""The soak's report keeps what other machines found, and never empties the page."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAD = (
    "| what | trials | broken | proves, with 95 % | rows | date | commit |\n"
    "|---|---|---|---|---|---|---|\n"
)
WIRE = "| wire: none without its own | 1,000 | 0 | below 0.003 a part | 15 | 2026-11-24 | `abc` |\n"
LANES = "| lanes: an older row | 1 | 0 | below 1 a part | 1 | 2026-11-01 | `old` |\n"
PAGE = f"before\n<!-- soak: begin -->\n{HEAD}{LANES}{WIRE}<!-- soak: end -->\nafter\n"
ENTRY = {
    "seed": 7,
    "done": 3000,
    "seconds": 1.0,
    "counts": {},
    "failures": [],
    "unit": "part",
    "promise": "balance exact",
    "rows": "1, 3",
    "date": "2026-11-29",
    "commit": "new",
}


def report(tmp_path):
    """Run the report on a page of our own."""
    page, out = tmp_path / "page.md", tmp_path / "soak.json"
    return subprocess.run(
        [sys.executable, "scripts/soak.py", "report", "--page", page, "--out", out],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_rows_of_pieces_that_were_not_run_here_stay(tmp_path):
    """A piece's new row takes the place of its old one, a new piece comes last."""
    (tmp_path / "page.md").write_text(PAGE)
    kept = {"lanes": ENTRY, "kills": ENTRY | {"failures": [{}], "unit": "kill"}}
    (tmp_path / "soak.json").write_text(json.dumps(kept))
    assert report(tmp_path).returncode == 0
    lanes = "| lanes: balance exact | 3,000 | 0 | below 0.001 a part | 1, 3 | 2026-11-29 | `new` |"
    kills = "| kills: balance exact | 3,000 | 1 | nothing: see it | 1, 3 | 2026-11-29 | `new` |"
    assert (tmp_path / "page.md").read_text() == PAGE.replace(LANES, lanes + "\n").replace(
        WIRE, f"{WIRE}{kills}\n"
    )


@pytest.mark.parametrize("content", [None, "{}"])
def test_without_results_the_page_stays_as_it_is(tmp_path, content):
    """A checkout where nothing was run says so in a sentence."""
    (tmp_path / "page.md").write_text(PAGE)
    if content is not None:
        (tmp_path / "soak.json").write_text(content)
    done = report(tmp_path)
    assert done.returncode == 1
    assert "there are no results in" in done.stderr
    assert (tmp_path / "page.md").read_text() == PAGE
