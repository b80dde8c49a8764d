"""Parts through the gate's protocol in virtual time: session, firmware, belt and a bad cable.

Host and controller are restarted, put to sleep and have their clocks moved at random.
"""

from __future__ import annotations

import random
from collections import Counter

from moved_line import SECOND, TERMS, run

from agent.sim.belt import Belt
from agent.sim.line_faults import FaultRates
from agent.sim.oscillator import Oscillator
from agent.sim.virtual import VirtualLine


def run_wire(first: int, count: int, seed: int) -> Counter:
    """Let about `count` parts go by; no part passes but by its own permission."""
    rng = random.Random(f"{seed} wire {first}")
    line = _line(rng)
    allowed: set[tuple[int, int]] = set()
    counts: Counter = Counter()
    while len(line.met) < count:
        allowed |= run(line, rng.uniform(0.3, 6), allow=lambda _trigger: rng.random() < 0.7)
        counts[_disturb(line, rng)] += 1
    line.host_asleep = False
    _judge(line, allowed, counts)
    return counts


def _line(rng: random.Random) -> VirtualLine:
    worst = rng.choice([0.0, 0.01, 0.05, 0.2])
    rates = FaultRates(*(rng.uniform(0, worst) for _ in range(4)))
    seed = rng.randrange(1, 1 << 16)
    belt = Belt(rng.uniform(5, 35), jitter=0.2, seed=seed, start_ns=3 * SECOND)
    crystal = Oscillator(SECOND, offset_us=seed << 20, ppm=rng.randint(-100, 100))
    return VirtualLine(TERMS, belt, rates=rates, seed=seed, oscillator=crystal)


def _disturb(line: VirtualLine, rng: random.Random) -> str:
    """Let something happen to the line; returns what."""
    line.host_asleep = False
    what = rng.choice(["nothing", "host restarts", "controller restarts", "host asleep", "cable"])
    if what == "host restarts":
        line.restart_host()
    elif what == "controller restarts":
        line.restart_controller()
    elif what == "host asleep":
        line.host_asleep = True
    elif what == "cable":
        line.down.clear()
        line.up.clear()
    return what


def _judge(line: VirtualLine, allowed: set[tuple[int, int]], counts: Counter) -> None:
    """Hold the belt's record against the permissions that the host gave."""
    numbers = Counter((met.boot, met.part) for met in line.met if met.part is not None)
    assert not numbers or max(numbers.values()) == 1, "one number for two parts"
    for met in line.met:
        counts["parts"] += 1
        if met.opened_for is None:
            counts["diverted"] += 1
            continue
        counts["passed"] += 1
        assert met.opened_for == met.part, f"the gate opened for another: {met}"
        assert (met.boot, met.part) in allowed, f"passed without permission: {met}"
