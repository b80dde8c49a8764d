"""The agent as a process through kills and random mixes, each on a line and a broker of its own."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from live_line import LiveLine
from random_mix import DEEDS, RandomMix

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import Mosquitto

MIX_PARTS = 240
LOAD_RATE = 50.0
MOST_GROWTH = 5 * 1024 * 1024


@contextmanager
def _broker() -> Iterator[tuple[Path, Mosquitto]]:
    with tempfile.TemporaryDirectory(prefix="linewarden-soak-") as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        broker = Mosquitto(folder / "broker")
        broker.start()
        try:
            yield folder, broker
        finally:
            broker.kill()


def run_mixes(first: int, count: int, seed: int) -> Counter:
    """Run so many random mixes of everything."""
    return _runs("mix", DEEDS, first, count, seed)


def run_kills(first: int, count: int, seed: int) -> Counter:
    """Let agents be killed outright until there were so many kills."""
    counts: Counter = Counter()
    number = 0
    while counts["kill"] < count:
        counts += _runs("kill", ("kill",), first * 1000 + number, 1, seed)
        number += 1
    return counts


def _runs(name: str, deeds: tuple[str, ...], first: int, count: int, seed: int) -> Counter:
    counts: Counter = Counter()
    for number in range(first, first + count):
        chosen = random.Random(f"{seed} {name} {number}").randrange(1 << 30)
        with _broker() as (folder, broker):
            counts += RandomMix(folder, broker, chosen, MIX_PARTS, deeds=deeds).run()
    return counts


def run_load(first: int, count: int, seed: int) -> Counter:
    """Let so many parts go by at a steady 50 a second: balanced, and no growing memory."""
    del first, seed
    with _broker() as (folder, broker):
        line = LiveLine(folder, rate=LOAD_RATE, parts=count, mqtt_port=broker.port)
        with line:
            line.lead_s = 8.0
            line.start_gate()
            agent = psutil.Process(line.start_agent().pid)
            memory = _watch(line, agent, count)
            line.wait_for_belt()
            assert line.stop_agent() == 0
            counts = Counter(line.balanced())
    late = memory[len(memory) // 2 :]
    grown = min(late[-5:]) - min(late[:5])
    assert grown <= MOST_GROWTH, f"memory grew by {grown / 1e6:.1f} MB"
    return counts


def _watch(line: LiveLine, agent: psutil.Process, count: int) -> list[int]:
    """Return how much memory the agent had every few seconds."""
    memory = [agent.memory_info().rss]
    while len(line.met()) < count - LOAD_RATE:
        memory.append(agent.memory_info().rss)
        time.sleep(5)
    return memory
