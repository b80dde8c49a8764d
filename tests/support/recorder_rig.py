"""A recorder lane with everything around it in the test's hands."""

from __future__ import annotations

import numpy as np

from agent.clock import ManualClock
from agent.config.document import Ledger
from agent.errors import LedgerError
from agent.lanes.recorder import RecorderLane
from agent.ledger.rows import OpenPart, SetVerdict, Written
from agent.mailbox import NeverLose
from agent.records import Event, Judged, Part, Trigger, Verdict


class FakeLedger:
    """A ledger in memory that fails as often as a test wants."""

    def __init__(self):
        self.failures = self.shut = self.chores_failures = 0
        self.batches = []
        self.reopened = 0

    def write(self, batch):
        """Write or fail."""
        if self.failures:
            self.failures -= 1
            raise LedgerError("the disk is full")
        self.batches.append(list(batch))
        return Written(
            parts=tuple(item.part for item in batch if isinstance(item, OpenPart)),
            verdicts=tuple(item.verdict for item in batch if isinstance(item, SetVerdict)),
        )

    def reopen(self):
        """Count it, or fail."""
        self.reopened += 1
        if self.shut:
            self.shut -= 1
            raise LedgerError("cannot open the ledger")

    def maintain(self):
        """Do nothing, or fail."""
        if self.chores_failures:
            self.chores_failures -= 1
            raise LedgerError("the disk is full")


class FakePictures:
    """A store that keeps names."""

    def __init__(self):
        self.kept = []

    def name(self, seq):
        """Return a name."""
        return f"{seq}.png"

    def free(self, wanted_bytes):
        """Note that room was asked for."""
        self.freed = wanted_bytes

    def keep(self, seq, pixels):
        """Keep one picture."""
        self.kept.append((seq, pixels.shape))


class FakeWatch:
    """A watch that notes what it is shown, and tells an event for each part with a verdict."""

    def __init__(self):
        self.shown = []

    def observe(self, group, at_ns):
        """Take in a group."""
        self.shown.append(list(group))
        return [Event("drift", "x", at_ns) for item in group if isinstance(item, Judged)]


class Desk:
    """A recorder lane with its surroundings."""

    def __init__(self, **section):
        self.inbox, self.words, self.deaf = NeverLose(100), [], 0
        self.ledger, self.pictures, self.watch = FakeLedger(), FakePictures(), FakeWatch()
        self.lane = RecorderLane(
            self.inbox, self._hear, self.ledger, self.pictures, self.watch,
            Ledger(folder="x", **section), ManualClock(),
        )  # fmt: skip

    def _hear(self, word):
        if self.deaf:
            self.deaf -= 1
            return False
        self.words.append(word)
        return True


def part(seq=1):
    """Return a part."""
    return Part(seq, Trigger(1, seq, 0))


def judged(kind, seq=1):
    """Return a verdict with a picture."""
    return Judged(Verdict(part(seq), kind), np.zeros((4, 4), np.uint8))
