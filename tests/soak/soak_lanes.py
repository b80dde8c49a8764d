"""Parts through the real lanes in virtual time, with random shares of every fault."""

from __future__ import annotations

import random
from collections import Counter

from virtual_line import Faults, VirtualLine


def run_lanes(first: int, count: int, seed: int) -> Counter:
    """Let the parts go by and hold the belt's own record against the book."""
    rng = random.Random(f"{seed} lanes {first}")
    worst = rng.choice([0.0, 0.01, 0.05, 0.2])
    shares = {name: rng.uniform(0, worst) for name in Faults.__dataclass_fields__}
    line = VirtualLine(count, seed * 1_000_003 + first, Faults(**shares))
    line.run()
    return Counter({kind.value: number for kind, number in line.check().items()})
