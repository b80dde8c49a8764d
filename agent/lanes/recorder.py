"""The ledger's only writer of parts: one transaction for all that came in meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.clock import Clock
from agent.config import document as config
from agent.drift.watch import LineWatch
from agent.errors import LedgerError
from agent.lanes.lane import Lane, LaneOverError
from agent.ledger.rows import AddEvent, LedgerWrite, OpenPart, SetOutcome, SetVerdict, Written
from agent.ledger.store import Ledger
from agent.mailbox import NeverLose
from agent.pictures.store import PictureStore
from agent.records import (
    Committed,
    Event,
    GateOutcome,
    Judged,
    Part,
    Reason,
    ToRecorder,
    VerdictKind,
)
from agent.schedule import uninspected
from agent.wall_watch import WallWatch

logger = logging.getLogger("linewarden.recorder")

MOST_AT_ONCE = 256
RETRY_S = 0.5
FAILED_WRITES = 120  # a minute of a disk that can be opened and not be written
CHORES_EVERY_NS = 1_000_000_000
ROOM_BYTES = 16 * 1024 * 1024


class RecorderLane(Lane):
    """Writes what the other lanes hand over and gives word once it is durable."""

    def __init__(
        self,
        inbox: NeverLose[ToRecorder],
        committed: Callable[[Committed], bool],
        ledger: Ledger,
        pictures: PictureStore,
        watch: LineWatch,
        section: config.Ledger,
        clock: Clock,
    ) -> None:
        super().__init__("recorder", clock)
        self._inbox = inbox
        self._committed = committed
        self._ledger = ledger
        self._pictures = pictures
        self._watch = watch
        self._section = section
        self._unwritten: list[ToRecorder] = []
        self._current: list[ToRecorder] = []
        self._failed_writes = 0
        self._wall = WallWatch()
        self._chores_due_ns = clock.now_ns()
        self.disk_fault = ""
        self.commits = 0

    def step(self) -> None:
        """Write one group; on a failing disk keep it and try again."""
        if self.disk_fault:
            self._retry()
            return
        group = self._inbox.take_all(self.STEP_S, MOST_AT_ONCE)
        self._maintain()
        if not group:
            return
        if self._section.group_ms > 0 and len(group) < MOST_AT_ONCE:
            self.clock.sleep(self._section.group_ms / 1000)
            group += self._inbox.take_all(0.0, MOST_AT_ONCE - len(group))
        self._write(group)

    def on_fault(self) -> None:
        """Keep what the interrupted write should have written."""
        if self._current:
            self._fail(self._current, LedgerError("the recorder failed on a group of rows"))
            self._current = []

    def end(self) -> None:
        """Write what is left."""
        if self.disk_fault:
            self._retry()
        while not self.disk_fault and (group := self._inbox.take_all(0.0, MOST_AT_ONCE)):
            self._write(group)

    def _maintain(self) -> None:
        """Do the ledger's chores about once a second, however busy the line is."""
        now_ns = self.clock.now_ns()
        if now_ns >= self._chores_due_ns:
            self._chores_due_ns = now_ns + CHORES_EVERY_NS
            clock = self.clock
            for event in self._wall.observe(now_ns, clock.wall_ns(), known=clock.wall_ok()):
                self._inbox.put(event)
            try:
                self._ledger.maintain()
            except LedgerError as error:
                self._fail([], error)

    def _write(self, group: list[ToRecorder]) -> None:
        self._current = group
        try:
            written = self._ledger.write([self._entry(item) for item in group])
        except LedgerError as error:
            self._fail(group, error)
            return
        self._current = []
        self.commits += 1
        self._give_word(written)
        for item in group:
            if isinstance(item, Judged) and item.pixels is not None and self._wanted(item):
                self._pictures.keep(item.verdict.part.seq, item.pixels)
        # Last: whoever waits for the commit must not wait for this as well.
        for event in self._watch.observe(group, self.clock.now_ns()):
            self._inbox.put(event)

    def _entry(self, item: ToRecorder) -> LedgerWrite:
        if isinstance(item, Part):
            return OpenPart(item, self._wall_at(item.trigger.at_ns), self.clock.wall_ok())
        if isinstance(item, Judged):
            picture = ""
            if item.pixels is not None and self._wanted(item):
                picture = self._pictures.name(item.verdict.part.seq)
            return SetVerdict(item.verdict, picture)
        if isinstance(item, GateOutcome):
            return SetOutcome(item)
        return AddEvent(item, self._wall_at(item.at_ns))

    def _wall_at(self, at_ns: int) -> int:
        """Return the wall time of a moment: on a disk that fails it is written much later."""
        return self.clock.wall_ns() - (self.clock.now_ns() - at_ns)

    def _wanted(self, judged: Judged) -> bool:
        """Tell whether the picture is kept: rejects and rechecks, and a sample of passes."""
        verdict = judged.verdict
        if self._section.picture_quota_mb == 0:
            return False
        if verdict.kind is VerdictKind.PASS:
            every = self._section.keep_pass_every
            return every > 0 and verdict.part.seq % every == 0
        return self._section.keep_rejects

    def _give_word(self, written: Written) -> None:
        """Tell the gate lane what is durable; what the ledger did not take is not released."""
        outcomes = written.outcomes + written.refused_outcomes + written.unknown_outcomes
        word = Committed(written.parts, written.verdicts, outcomes)
        while not self._committed(word) and not self.stopping:
            self.clock.sleep(0.01)  # a PASS that waits here too long is refused by its cut-off

    def _fail(self, group: list[ToRecorder], error: LedgerError) -> None:
        if not self.disk_fault:
            logger.error("lane=recorder fault=disk: %s; parts are rejected until it works", error)
            self._pictures.free(ROOM_BYTES)  # on a full disk pictures go before anything else
        self.disk_fault = str(error)
        self._unwritten = [_not_recorded(item) for item in group]

    def _retry(self) -> None:
        """Open the ledger again and write by id what could not be written (RELIABILITY, EIO)."""
        self.clock.sleep(RETRY_S)
        group = self._unwritten
        try:
            self._ledger.reopen()
        except LedgerError as error:
            self._fail(group, error)
            return
        self._failed_writes += 1
        if self._failed_writes > FAILED_WRITES:
            raise LaneOverError(f"the ledger works, but not with these rows: {self.disk_fault}")
        before, self._unwritten, self.disk_fault = self.disk_fault, [], ""
        self._write(group)
        if not self.disk_fault:
            self._failed_writes = 0
            text = f"the ledger works again; before: {before}"
            self._inbox.put(Event("disk_back", text, self.clock.now_ns()))


def _not_recorded(item: ToRecorder) -> ToRecorder:
    """What was not recorded in time is not passed."""
    if isinstance(item, Judged) and item.verdict.kind is VerdictKind.PASS:
        return Judged(uninspected(item.verdict, Reason.DISK), item.pixels)
    return item
