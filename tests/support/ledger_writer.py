"""A process that writes a ledger until it is killed, and the judge of what it promised."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

from ledger_rig import LEDGER

from agent.clock import SystemClock
from agent.ledger.store import open_ledger

ROOT = Path(__file__).resolve().parents[2]

# Writes until it is killed: opens a few parts, judges those before, reports those before these,
# and publishes. It prints what is promised once `write` has returned, and each acknowledgement
# before it is marked.
WRITER = """
import itertools, sys
from pathlib import Path
from agent.clock import SystemClock
from agent.errors import LedgerError
from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import open_ledger
from agent.records import GateOutcome, OutcomeCode, Part, Trigger, Verdict, VerdictKind

folder, life = Path(sys.argv[1]), int(sys.argv[2])
limit = int(sys.argv[3]) if len(sys.argv) > 3 else 10**9
clock = SystemClock()
ledger = open_ledger(folder, clock)

def write(batch):
    try:
        return ledger.write(batch)
    except LedgerError as error:
        print("error", error, flush=True)
        ledger.reopen()
        return ledger.write(batch)

opened, judged = [], []
count = itertools.count(1)
for turn in range(limit):
    parts = [Part(ledger.sequencer.next(), Trigger(life, next(count), clock.now_ns()))
             for _ in range(1 + turn % 7)]
    verdicts = [Verdict(part, list(VerdictKind)[part.seq % 3]) for part in opened]
    outcomes = [
        GateOutcome(life, v.part.trigger.part,
                    OutcomeCode.PASSED if v.kind is VerdictKind.PASS else OutcomeCode.REJECTED, 1)
        for v in judged]
    write([OpenPart(p, clock.wall_ns()) for p in parts]
          + [SetVerdict(v) for v in verdicts] + [SetOutcome(o) for o in outcomes])
    lines = [f"open {life} {p.trigger.part} {p.seq}" for p in parts]
    lines += [f"verdict {life} {v.part.trigger.part} {v.kind.value}" for v in verdicts]
    lines += [f"outcome {life} {o.part} {o.code.value}" for o in outcomes]
    print("\\n".join(lines), flush=True)
    opened, judged = parts, verdicts
    rows = ledger.unpublished(5)
    print("\\n".join(f"puback {r.boot} {r.gate_part} {r.seq}" for r in rows) or "idle", flush=True)
    ledger.mark_published([r.seq for r in rows])
    ledger.extend_reservation()
print("done", flush=True)
ledger.close()
"""

# What the power cut's tool runs after each cut: with the mount and the lines read until then.
CHECK = (
    "import sys; from pathlib import Path;"
    f"sys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}];"
    "import ledger_writer as t;"
    "t.survived(Path(sys.argv[1]), Path(sys.argv[2]).read_text().splitlines())"
)


def compare(folder: Path, lines: list[str], *, all_lines: bool = True) -> None:
    """Judge a ledger by the promises printed: nothing promised is missing, the balance holds.

    With `all_lines` nothing is marked either that was not acknowledged; the power cut's record
    lacks lines which were printed but not yet read at the cut.
    """
    connection = sqlite3.connect(folder / LEDGER)
    query = "SELECT boot, gate_part, seq, verdict, reason, outcome, published FROM part"
    rows = {(row[0], row[1]): row[2:] for row in connection.execute(query)}
    connection.close()
    acknowledged = set()
    for line in lines:
        word, *rest = line.split() or ("",)
        if word not in {"open", "verdict", "outcome", "puback"}:
            continue
        key = (int(rest[0]), int(rest[1]))
        seq, verdict, _, outcome, _ = rows[key]
        if word in {"open", "puback"}:
            assert seq == int(rest[2])
            acknowledged |= {key} if word == "puback" else set()
        else:
            assert rest[2] == (verdict if word == "verdict" else outcome)
    published = {key for key, row in rows.items() if row[4]}
    assert published <= acknowledged or not all_lines
    assert len({row[0] for row in rows.values()}) == len(rows)


def survived(folder: Path, lines: list[str]) -> None:
    """Judge a ledger after a power cut: promises kept, and it opens without a finding."""
    if any(line.startswith("open") for line in lines):
        compare(folder, lines, all_lines=False)
    ledger = open_ledger(folder, SystemClock())
    balance = ledger.balance()
    ledger.close()
    assert balance.holds
    assert ledger.findings == ()


def writer(folder: Path, life: int, *more: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen:
    """Start the writer in a process of its own."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-c", WRITER, str(folder), str(life), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
