"""Run the full figures of a release in pieces that can be taken up again, and write them down.

    scripts/soak.py run                       everything: days
    scripts/soak.py run --only lanes wire --parts 1000000 --wire-parts 100000
    scripts/soak.py report                    put the last figures into docs/faults.md

Results are kept in out/soak.json after every slice; the next run goes on where this one ended.
A report leaves the rows of pieces that were not run here as they are, so that the results of
several machines can be put together.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tests" / "soak")]

from soak_piece import Piece, bound  # noqa: E402

from agent.clock import SystemClock  # noqa: E402
from agent.wall_time import iso_time  # noqa: E402

CLOCK = SystemClock()
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"
HEAD = (
    "| what | trials | broken | proves, with 95 % | rows | date | commit |",
    "|---|---|---|---|---|---|---|",
)
SIZES = {
    "parts": (10_000_000, "parts through the lanes in virtual time"),
    "wire-parts": (1_000_000, "parts through protocol and firmware in virtual time"),
    "fuzz": (1_000_000, "mutants at each parser"),
    "kills": (500, "kill -9 of the running agent"),
    "cuts": (1_000, "power cuts while recording"),
    "mixes": (200, "random mixes of everything"),
}


def main() -> int:
    """Run or report; returns 1 when a promise was broken."""
    options = _options()
    if options.command == "report":
        report(options.page, options.out)
        return 0
    from soak_pieces import pieces

    broken = 0
    for piece in pieces(options):
        if piece.total and (not options.only or piece.name in options.only):
            broken += run_piece(piece, options)
    return int(broken > 0)


def run_piece(piece: Piece, options: argparse.Namespace) -> int:
    """Run what is left of a piece; returns how many slices broke a promise."""
    kept = load(options.out)
    entry = kept.get(piece.name)
    if entry is None or options.fresh or entry["seed"] != options.seed:
        entry = {"seed": options.seed, "done": 0, "seconds": 0.0, "counts": {}, "failures": []}
    while entry["done"] < piece.total:
        count = min(piece.slice_size, piece.total - entry["done"])
        run_slice(piece, entry, count, options.seed)
        kept = load(options.out)
        kept[piece.name] = entry
        save(options.out, kept)
        show(piece, entry)
    print()
    return len(entry["failures"])


def run_slice(piece: Piece, entry: dict[str, Any], count: int, seed: int) -> None:
    """Run one slice and add it to what is known of the piece."""
    first, start_ns = entry["done"], CLOCK.now_ns()
    try:
        counts = piece.run(first, count, seed)
    except AssertionError as error:
        entry["failures"].append({"first": first, "count": count, "what": str(error)[:2000]})
        counts = {}
    for name, number in counts.items():
        entry["counts"][name] = entry["counts"].get(name, 0) + number
    entry["done"] = first + count
    entry["seconds"] = round(entry["seconds"] + (CLOCK.now_ns() - start_ns) / 1e9, 3)
    about = {"unit": piece.unit, "promise": piece.promise, "rows": piece.rows}
    entry.update(about, commit=commit(), date=iso_time(CLOCK.wall_ns())[:10])


def show(piece: Piece, entry: dict[str, Any]) -> None:
    """Say how far it is."""
    rate = entry["done"] / max(entry["seconds"], 0.1)
    left_s = (piece.total - entry["done"]) / max(rate, 1e-9)
    line = (
        f"{piece.name}: {entry['done']:,} of {piece.total:,}, {rate:,.1f}/s, "
        f"{left_s / 60:.0f} min left, {len(entry['failures'])} broken"
    )
    print(f"\r{line:<100}" if sys.stdout.isatty() else line, end="", flush=True)
    if not sys.stdout.isatty():
        print()


def commit() -> str:
    """Return the commit that is tried, with a + when the tree was changed since."""

    def git(*words: str) -> str:
        command = [shutil.which("git") or "git", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    name = git("rev-parse", "--short", "HEAD") or "unknown"
    return name + "+" * bool(git("status", "--porcelain", "--untracked-files=no"))


def load(path: Path) -> dict[str, Any]:
    """Return what was kept; nothing where there is nothing."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return {}


def save(path: Path, kept: dict[str, Any]) -> None:
    """Keep the results, whole or as they were."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    temporary.replace(path)


def rows(kept: dict[str, Any]) -> dict[str, str]:
    """Return the results as rows of the table, by the piece's name."""
    made = {}
    for name, entry in kept.items():
        done, broken = entry["done"], len(entry["failures"])
        proves = f"below {bound(done):.2g} a {entry['unit']}" if not broken else "nothing: see it"
        what = f"{name}: {entry['promise']}"
        place = f"{entry['rows']} | {entry['date']} | `{entry['commit']}`"
        made[name] = f"| {what} | {done:,} | {broken} | {proves} | {place} |"
    return made


def rows_of(table: str) -> dict[str, str]:
    """Return the rows that stand in a table, by the piece's name."""
    found = {}
    for line in table.strip().splitlines():
        name, colon, _ = line.removeprefix("| ").partition(": ")
        if line.startswith("| ") and colon:
            found[name] = line
    return found


def write_table(page: Path, kept: dict[str, Any]) -> None:
    """Put the results between the marks on the page; rows of other pieces stay as they are."""
    text = page.read_text("utf-8")
    before, found, rest = text.partition(BEGIN)
    standing, found_too, after = rest.partition(END)
    if not (found and found_too):
        raise SystemExit(f"{page} has no marks {BEGIN} and {END}")
    table = "\n".join([*HEAD, *(rows_of(standing) | rows(kept)).values()])
    page.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")


def report(page: Path, out: Path) -> None:
    """Write down what was kept. Exits with a sentence where that is nothing."""
    kept = load(out)
    if not kept:
        raise SystemExit(f"there are no results in {out}: `scripts/soak.py run` makes them")
    write_table(page, kept)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("command", choices=("run", "report"))
    parser.add_argument("--only", nargs="*", default=[], help="names of pieces; all without")
    for name, (size, what) in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=size, help=what)
    parser.add_argument("--hours", type=float, default=8.0, help="of a live line at 50 parts/s")
    parser.add_argument("--days", type=float, default=1.0, help="that the broker is away")
    parser.add_argument("--seed", type=int, default=7, help="another one tries other faults")
    parser.add_argument("--fresh", action="store_true", help="forget what was done")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "soak.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "faults.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
