"""Commits and rows per second of the ledger, and what a large one costs."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from agent.clock import SystemClock
from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import Ledger, open_ledger
from agent.records import GateOutcome, OutcomeCode, Part, Trigger, Verdict, VerdictKind

CLOCK = SystemClock()


def parts(ledger: Ledger, count: int) -> list[Part]:
    """Return fresh parts."""
    seqs = [ledger.sequencer.next() for _ in range(count)]
    return [Part(seq, Trigger(1, seq, CLOCK.now_ns())) for seq in seqs]


def writes(fresh: list[Part]) -> list[OpenPart | SetVerdict | SetOutcome]:
    """Return the three writes of each part's life."""
    batch: list[OpenPart | SetVerdict | SetOutcome] = []
    for part in fresh:
        verdict = Verdict(part, VerdictKind.PASS, score=0.02, model="casting 3", judged_ns=1)
        outcome = GateOutcome(1, part.trigger.part, OutcomeCode.PASSED, 2)
        batch += [OpenPart(part, 0), SetVerdict(verdict), SetOutcome(outcome)]
    return batch


def sync_ms(folder: Path) -> float:
    """Return the median of appending a page and syncing it: what a commit costs at least."""
    descriptor = os.open(folder / "probe", os.O_CREAT | os.O_WRONLY)
    times = []
    for _ in range(100):
        start = time.perf_counter()
        os.write(descriptor, b"x" * 4096)
        os.fdatasync(descriptor)
        times.append(time.perf_counter() - start)
    os.close(descriptor)
    return sorted(times)[50] * 1e3


def measure(ledger: Ledger, size: int, seconds: float) -> None:
    """Write batches of one size for a while and print the figures."""
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        batch = writes(parts(ledger, size))
        start = time.perf_counter()
        ledger.write(batch)
        times.append(time.perf_counter() - start)
        ledger.tidy()
    times.sort()
    total = sum(times)
    p50, p99 = times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3
    rate = len(times) / total
    print(
        f"  batches of {size:>3} parts: {rate:7.0f} commits/s {rate * size:8.0f} parts/s"
        f"   commit p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  worst {times[-1] * 1e3:6.1f} ms"
    )


def large(ledger: Ledger, rows: int) -> None:
    """Fill the ledger and print what its questions cost then."""
    while ledger.balance().triggers < rows:
        ledger.write(writes(parts(ledger, 2000)))
    for name, ask in (
        ("balance", ledger.balance),
        ("backlog", ledger.backlog),
        ("unpublished(64)", lambda: ledger.unpublished(64)),
        ("maintain", ledger.maintain),
    ):
        start = time.perf_counter()
        for _ in range(20):
            ask()
        print(f"  {name:<16} {(time.perf_counter() - start) / 20 * 1e6:8.0f} us")
    size = sum(path.stat().st_size for path in ledger._folder.glob("ledger.sqlite*"))
    print(f"  {size / rows:.0f} bytes a part")


def main() -> None:
    """Measure in a temporary folder, or in the one given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        print(f"ledger: one synced page takes {sync_ms(folder):.2f} ms here")
        ledger = open_ledger(folder, CLOCK)
        for size in (1, 10, 100):
            measure(ledger, size, options.seconds)
        print(f"ledger of {options.rows} unpublished parts:")
        large(ledger, options.rows)
        start = time.perf_counter()
        ledger.close()
        print(f"  closing {time.perf_counter() - start:.2f} s", end="")
        start = time.perf_counter()
        ledger = open_ledger(folder, CLOCK)
        print(f", opening after a clean stop {time.perf_counter() - start:.2f} s", end="")
        start = time.perf_counter()
        ledger.reopen()
        print(f", with all pages checked {time.perf_counter() - start:.2f} s")
        ledger.close()


if __name__ == "__main__":
    main()
