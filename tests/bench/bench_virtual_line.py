"""A million parts through policy, window and gate logic in virtual time."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from virtual_line import Faults, VirtualLine

BATCH = 50_000  # a line keeps its belt's record in memory, so a million goes in slices


def main() -> None:
    """Run the parts and print the balance and the bound that it proves."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    done, totals = 0, {}
    while done < options.parts:
        count = min(BATCH, options.parts - done)
        line = VirtualLine(count, options.seed + done, Faults(deaf=0.01))
        line.run()
        for kind, number in line.check().items():
            totals[kind.value] = totals.get(kind.value, 0) + number
        done += count
    seconds = time.perf_counter() - start
    print(f"virtual line: {done} parts in {seconds:.0f} s, seed {options.seed}")
    print(f"  balance: {done} = " + " + ".join(f"{n} {k}" for k, n in sorted(totals.items())))
    print(f"  wrong-part gates: 0, so below {3 / done:.2g} a part (95 %)")
    assert sum(totals.values()) == done


if __name__ == "__main__":
    main()
