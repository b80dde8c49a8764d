"""A ledger filled in batches, left behind as a kill or a stop leaves it, its files damaged."""

from __future__ import annotations

import shutil
from pathlib import Path

from agent.clock import ManualClock
from agent.ledger.rows import OpenPart, SetOutcome, SetVerdict
from agent.ledger.store import Ledger, open_ledger
from agent.records import GateOutcome, OutcomeCode, Part, Trigger, Verdict, VerdictKind

LEDGER = "ledger.sqlite"


class Parts:
    """Makes complete parts on a ledger, one batch each."""

    def __init__(self, ledger: Ledger, boot: int = 1) -> None:
        self.ledger = ledger
        self.boot = boot
        self.count = 0

    def write(self, count: int) -> list[Part]:
        parts = []
        batch = []
        for _ in range(count):
            self.count += 1
            trigger = Trigger(self.boot, self.count, self.count * 10**8)
            part = Part(self.ledger.sequencer.next(), trigger)
            outcome = GateOutcome(self.boot, self.count, OutcomeCode.REJECTED, 0)
            verdict = Verdict(part, VerdictKind.REJECT, model="m" * 100)
            batch += [OpenPart(part, 0), SetVerdict(verdict), SetOutcome(outcome)]
            parts.append(part)
        self.ledger.write(batch)
        return parts

    def write_on(self, count: int) -> None:
        """Write until that fails."""
        for _ in range(2000):
            self.write(count)


def filled(folder: Path, *, clean: bool = False) -> tuple[Ledger, list[Part]]:
    """Leave a ledger of 60 parts behind, 10 published, as after a crash or a clean stop."""
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    written = Parts(ledger).write(60)
    ledger.mark_published([part.seq for part in written[:10]])
    if clean:
        ledger.close()
    else:
        ledger._save_marks()
        abandon(ledger, folder)
    return ledger, written


def abandon(ledger: Ledger, folder: Path) -> None:
    """End a ledger as a kill would: its files stay as they are at this moment."""
    copies = folder.with_name(folder.name + "-copy")
    shutil.copytree(folder, copies)
    ledger.close()
    shutil.rmtree(folder)
    copies.rename(folder)


def flip(path: Path, where: float) -> None:
    """Flip one byte at a share of the file."""
    content = bytearray(path.read_bytes())
    content[int(where * len(content))] ^= 0xFF
    path.write_bytes(content)
