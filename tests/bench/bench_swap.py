"""Swaps on a running line: the technician's own commands at 50 parts/s, back and forth.

Each round flashes a new release, then confirms it or goes back. A swap is timed from the write of
`state.json` that decides it to the moment at which the first part was judged by the other model;
the trial in a child lies before that and runs beside the line. Parts that were not inspected are
counted from the command to `AFTER_S` behind the swap, and apart from that on the rest of the belt.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from live_line import LINEWARDEN, RENDERED, ROOT, wait_until
from slot_line import SlotLine, release

AFTER_S = 2.0
CALM_S = 3.0  # of one model alone, so that there is something to compare with
ROUND_S = 20.0  # what a round may take on a busy machine
GAPS = ("not_ready", "engine", "frame")  # what a part says that met no model, or half of one


@dataclass(frozen=True)
class Swap:
    """One change of the judging model, in nanoseconds of the monotonic clock."""

    kind: str
    begin_ns: int
    decided_ns: int
    title: str

    def took_ms(self, rows: list) -> float:
        """Return the time to the first part that the other model judged."""
        judged = [
            row["judged_ns"]
            for row in rows
            if row["model"] == self.title and (row["judged_ns"] or 0) > self.decided_ns
        ]
        return (min(judged) - self.decided_ns) / 1e6

    def holds(self, row: object) -> bool:
        """Whether a part came while the swap could have disturbed it."""
        end_ns = self.decided_ns + round(AFTER_S * 1e9)
        return self.begin_ns <= row["at_ns"] <= end_ns


class SwapLine(SlotLine):
    """A line whose technician types."""

    def type(self, *words: str) -> tuple[int, int]:
        """Run a command; returns when it began and when it decided, by the state's own file."""
        begin_ns = time.monotonic_ns()
        command = [*LINEWARDEN, *words, "--config", str(self.config)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        apart_ns = time.time_ns() - time.monotonic_ns()
        return begin_ns, (self.slots / "state.json").stat().st_mtime_ns - apart_ns


def main() -> None:
    """Run the rounds and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--bundle", type=Path, default=RENDERED)
    parser.add_argument(
        "--urgent", action="store_true", help="The line goes before all others (root, busy machine)"
    )
    options = parser.parse_args()
    parts = round(options.rate * (ROUND_S * options.rounds + 10))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with SwapLine(folder, rate=options.rate, parts=parts) as line:
            line.flash(release(folder, 1, bundle=options.bundle), confirm=True)
            start(line, urgent=options.urgent)
            swaps = play(line, folder, options)
            left_s = (parts - len(line.met())) / options.rate
            assert left_s > 0, "the belt ended before the last swap"
            time.sleep(left_s)
            line.wait_for_belt()
            wait_until(lambda: len(line.rows()) >= parts, "all rows")
            line.stop_agent()
            line.balanced()
            report(options, swaps, line.rows())


def start(line: SwapLine, *, urgent: bool) -> None:
    """Start gate and agent; `urgent` lets them, and not us, go before every other process."""
    if urgent:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    line.start_gate()
    line.start_agent()
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    wait_until(lambda: any(line.models()), "a judged part")


def play(line: SwapLine, folder: Path, options: argparse.Namespace) -> list[Swap]:
    """Flash release after release; every second one is taken back again."""
    swaps: list[Swap] = []
    good = line.judging().title
    for number in range(2, options.rounds + 2):
        path = folder / "next.lwb"
        path.write_bytes(release(folder, number, bundle=options.bundle))
        time.sleep(CALM_S)
        times = line.type("flash", str(path))
        new = line.judging().title
        swaps.append(Swap("flash", *times, new))
        time.sleep(CALM_S)
        if number % 2:
            swaps.append(Swap("rollback", *line.type("rollback"), good))
        else:
            line.type("confirm")
            good = new
    time.sleep(AFTER_S)
    return swaps


def report(options: argparse.Namespace, swaps: list[Swap], rows: list) -> None:
    """Print the figures."""
    first = next(place for place, row in enumerate(rows) if row["model"])
    rows = rows[first:]
    missed = [row for row in rows if row["verdict"] == "UNINSPECTED"]
    near = [row for row in missed if any(swap.holds(row) for swap in swaps)]
    beside = sum(any(swap.holds(row) for swap in swaps) for row in rows)
    gaps = sum(row["reason"] in GAPS for row in rows)
    print(f"swaps: {len(swaps)} at {options.rate:g} parts/s, {options.bundle.name}; balance exact")
    for kind in ("flash", "rollback"):
        took = [swap.took_ms(rows) for swap in swaps if swap.kind == kind]
        if took:
            print(
                f"  {kind}: {len(took)}, decided to the first part judged: median "
                f"{statistics.median(took):.0f}, worst {max(took):.0f} ms"
            )
    whole = [(swap.decided_ns - swap.begin_ns) / 1e9 for swap in swaps if swap.kind == "flash"]
    print(f"  the checks of a flash before it: median {statistics.median(whole):.1f} s")
    print(
        f"  UNINSPECTED around the swaps: {len(near)} of {beside} {reasons(near)}; elsewhere: "
        f"{len(missed) - len(near)} of {len(rows) - beside} {reasons(missed)}; without a model: "
        f"{gaps}"
    )


def reasons(rows: list) -> str:
    """Return how often each reason was given."""
    return str(dict(Counter(row["reason"] for row in rows)) or "")


if __name__ == "__main__":
    main()
