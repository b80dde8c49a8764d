"""When the gate fires over an adapter that holds bytes back: virtual time, the same every time."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "support"), str(Path(__file__).parents[2])]

from latency_line import FACTORY_NS, MS, SET_NS, measure, p99

GUARDS = ((50.0, 6.0), (40.0, 8.0), (20.0, 10.0), (8.0, 20.0))
TIMERS = ((FACTORY_NS, False), (FACTORY_NS, True), (SET_NS, False))


def main() -> None:
    """Print a row of the table for each timer, guard and drift."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=2_000, help="parts in each row")
    parts = parser.parse_args().parts
    sys.stdout.write(
        "| timer | guard | drift | passed of ordered of all | wrong | fire by tick, p99 and worst "
        "| by the part's place | host's time of a part, p99 |\n|---|---|---|---|---|---|---|---|\n"
    )
    for hold_ns, from_first in TIMERS:
        for guard_ms, rate in GUARDS:
            for ppm in (100, -100):
                run = measure(
                    parts, guard_ms=guard_ms, rate_per_s=rate, hold_ns=hold_ns,
                    from_first=from_first, ppm=ppm,
                )  # fmt: skip
                timer = f"{hold_ns // MS} ms{' from the first byte' if from_first else ''}"
                fires, places = [one / 1000 for one in run.by_tick], [
                    one / 1000 for one in run.by_place
                ]  # fmt: skip
                sys.stdout.write(
                    f"| {timer} | {guard_ms:g} ms | {ppm:+d} ppm "
                    f"| {run.passed} of {run.ordered} of {run.parts} | {run.wrong} "
                    f"| {p99(fires):.2f}, {max(fires):.2f} ms "
                    f"| {p99(places):.2f}, {max(map(abs, places)):.2f} ms "
                    f"| {p99(run.told) / 1000:.2f} ms |\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    main()
