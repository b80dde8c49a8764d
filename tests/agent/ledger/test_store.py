"""The ledger: rows, the balance, the outbox, and what it refuses."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.clock import ManualClock
from agent.errors import LedgerError
from agent.ledger.rows import AddEvent, OpenPart, SetOutcome, SetVerdict, Written
from agent.ledger.store import Ledger, open_ledger
from agent.records import (
    Event,
    GateOutcome,
    OutcomeCode,
    Part,
    Reason,
    Trigger,
    Verdict,
    VerdictKind,
)

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


class Line:
    """A ledger with a clock that is moved by hand, and a controller's count of parts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = ManualClock(now_ns=1000 * SECOND_NS)
        self.boot = 77
        self.count = 0
        self.host_boot = "boot-a"
        self.ballast_bytes = 4096
        self.ledger = self.open()

    def open(self) -> Ledger:
        self.ledger = open_ledger(
            self.folder, self.clock, host_boot=self.host_boot, ballast_bytes=self.ballast_bytes
        )
        return self.ledger

    def part(self) -> Part:
        """Return a fresh part, 100 ms after the one before."""
        self.clock.advance(SECOND_NS // 10)
        self.count += 1
        trigger = Trigger(self.boot, self.count, self.clock.now_ns())
        return Part(self.ledger.sequencer.next(), trigger)

    def opened(self) -> Part:
        part = self.part()
        self.ledger.write([OpenPart(part, self.clock.wall_ns())])
        return part

    def judge(self, part: Part, kind: VerdictKind, reason: Reason = Reason.NONE) -> Written:
        return self.ledger.write([SetVerdict(Verdict(part, kind, reason, score=0.25, model="m 1"))])

    def report(self, part: Part, code: OutcomeCode) -> Written:
        outcome = GateOutcome(
            part.trigger.boot, part.trigger.part, code, part.trigger.at_ns + SECOND_NS
        )
        return self.ledger.write([SetOutcome(outcome)])

    def complete(self, kind: VerdictKind = VerdictKind.PASS) -> Part:
        part = self.opened()
        reason = Reason.LATE if kind is VerdictKind.UNINSPECTED else Reason.NONE
        self.judge(part, kind, reason)
        passed = kind is VerdictKind.PASS
        self.report(part, OutcomeCode.PASSED if passed else OutcomeCode.REJECTED)
        return part

    def row(self, part: Part) -> sqlite3.Row:
        """Read a part's row past the ledger's own code."""
        with sqlite3.connect(self.folder / "ledger.sqlite") as connection:
            connection.row_factory = sqlite3.Row
            query = "SELECT * FROM part WHERE boot = ? AND gate_part = ? ORDER BY turn DESC"
            row = connection.execute(query, (part.trigger.boot, part.trigger.part)).fetchone()
        connection.close()
        return row

    def counted(self) -> dict[str, int]:
        """Count the verdicts past the ledger's own tally."""
        connection = sqlite3.connect(self.folder / "ledger.sqlite")
        rows = connection.execute("SELECT verdict, count(*) FROM part GROUP BY verdict").fetchall()
        connection.close()
        return dict(rows)


@pytest.fixture
def line(tmp_path: Path):
    """Return a line with an empty ledger."""
    line = Line(tmp_path)
    yield line
    line.ledger.close()


def test_a_part_is_uninspected_until_it_is_judged(line: Line) -> None:
    """The balance holds in SQL from the trigger on."""
    part = line.opened()
    row = line.row(part)
    assert (row["verdict"], row["reason"], row["complete"]) == ("UNINSPECTED", "pending", 0)
    balance = line.ledger.balance()
    assert (balance.triggers, balance.uninspected, balance.in_work) == (1, 1, 1)
    assert balance.holds


@pytest.mark.parametrize("kind", list(VerdictKind))
def test_each_verdict_is_counted_once(line: Line, kind: VerdictKind) -> None:
    """The triggers are PASS + REJECT + RECHECK + UNINSPECTED for every kind."""
    line.complete(kind)
    balance = line.ledger.balance()
    counts = (balance.passed, balance.rejected, balance.rechecked, balance.uninspected)
    assert dict(zip(VerdictKind, counts, strict=True))[kind] == 1
    assert sum(counts) == balance.triggers == 1
    assert balance.in_work == 0


def test_a_repeated_trigger_keeps_its_first_row(line: Line) -> None:
    """A controller that repeats a trigger after our restart makes no second part."""
    part = line.opened()
    again = Part(line.ledger.sequencer.next(), part.trigger)
    written = line.ledger.write([OpenPart(again, 0)])
    assert written.parts == (again,)  # the controller may stop repeating it
    assert line.row(part)["seq"] == part.seq
    assert line.ledger.balance().triggers == 1
    verdict = Verdict(again, VerdictKind.PASS)
    assert line.ledger.write([SetVerdict(verdict)]).verdicts == (verdict,)
    assert line.row(part)["verdict"] == "PASS"


def test_a_controller_that_counted_its_boots_round_is_not_taken_for_a_repeat(line: Line) -> None:
    """The same 16-bit boot and part number much later is another part, with its own row."""
    first = line.complete()
    line.clock.advance(MINUTE_NS)
    line.count = 0
    second = line.opened()
    assert second.trigger.part == first.trigger.part
    assert line.ledger.balance().triggers == 2
    line.judge(second, VerdictKind.REJECT)
    line.report(second, OutcomeCode.REJECTED)
    assert line.counted() == {"PASS": 1, "REJECT": 1}


def test_after_a_reboot_of_the_host_an_unfinished_row_is_the_same_part(line: Line) -> None:
    """Monotonic times do not compare; what the controller still repeats has an open row."""
    unfinished, finished = line.opened(), line.complete()
    line.ledger.close()
    line.host_boot = "boot-b"
    line.open()
    now_ns = line.clock.now_ns()
    for part in (unfinished, finished):
        trigger = Trigger(part.trigger.boot, part.trigger.part, now_ns)
        line.ledger.write([OpenPart(Part(line.ledger.sequencer.next(), trigger), 0)])
    assert line.ledger.balance().triggers == 3  # only the finished one's numbers came anew


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (OutcomeCode.LATE_REFUSED, "late"),
        (OutcomeCode.TOO_CLOSE, "too_close"),
        (OutcomeCode.NO_HEARTBEAT, "gate"),
        (OutcomeCode.FAULT, "gate"),
        (OutcomeCode.REJECTED, "gate"),
    ],
)
def test_a_pass_which_the_gate_did_not_obey_is_taken_back(
    line: Line, code: OutcomeCode, reason: str
) -> None:
    """Host and controller never differ; the score stays for the engineer."""
    part = line.opened()
    line.judge(part, VerdictKind.PASS)
    line.report(part, code)
    row = line.row(part)
    assert (row["verdict"], row["reason"]) == ("UNINSPECTED", reason)
    assert (row["score"], row["model"], row["complete"]) == (0.25, "m 1", 1)
    assert line.ledger.balance().uninspected == 1


def test_a_pass_judged_after_its_rejection_is_taken_back_at_once(line: Line) -> None:
    """Verdict and outcome may come in either order."""
    part = line.opened()
    line.report(part, OutcomeCode.LATE_REFUSED)
    assert line.row(part)["complete"] == 0
    line.judge(part, VerdictKind.PASS)
    row = line.row(part)
    assert (row["verdict"], row["reason"], row["complete"]) == ("UNINSPECTED", "late", 1)


def test_a_verdict_may_only_be_taken_back(line: Line) -> None:
    """What was decided is not decided again, in particular never towards PASS."""
    part = line.opened()
    line.judge(part, VerdictKind.REJECT)
    assert line.judge(part, VerdictKind.PASS).refused_verdicts
    assert line.judge(part, VerdictKind.UNINSPECTED, Reason.LATE).verdicts
    assert line.judge(part, VerdictKind.PASS).refused_verdicts
    assert line.row(part)["reason"] == "late"


def test_a_complete_row_never_changes(line: Line) -> None:
    """Its result may be on its way to the plant already."""
    part = line.complete()
    assert line.judge(part, VerdictKind.UNINSPECTED, Reason.LATE).refused_verdicts
    assert line.report(part, OutcomeCode.FAULT).refused_outcomes
    assert line.row(part)["verdict"] == "PASS"


def test_sql_itself_refuses_to_alter_a_published_row(line: Line) -> None:
    """Not even a repair by hand can make ledger and plant disagree."""
    part = line.complete()
    line.ledger.mark_published([part.seq])
    connection = sqlite3.connect(line.folder / "ledger.sqlite", isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError, match="not altered"):
        connection.execute("UPDATE part SET verdict = 'REJECT', reason = 'none'")
    connection.close()


def test_what_has_no_row_is_refused(line: Line) -> None:
    """A verdict without a row is not in `verdicts`: it must not be released."""
    part = line.part()
    assert line.judge(part, VerdictKind.PASS).refused_verdicts
    assert line.report(part, OutcomeCode.PASSED).unknown_outcomes
    assert line.ledger.balance().triggers == 0


def test_the_same_batch_may_come_twice(line: Line) -> None:
    """After a failed commit the lane writes again by id; a commit that held changes nothing."""
    part = line.part()
    outcome = GateOutcome(part.trigger.boot, part.trigger.part, OutcomeCode.PASSED, 5)
    batch = [
        OpenPart(part, 1),
        SetVerdict(Verdict(part, VerdictKind.PASS), "0/1.jpg"),
        SetOutcome(outcome),
        AddEvent(Event("disk", "full", 9), 10),
    ]
    first = line.ledger.write(batch)
    row = tuple(line.row(part))
    assert line.ledger.write(batch) == first
    assert tuple(line.row(part)) == row
    assert len(line.ledger.unpublished_events(10)) == 1


def test_a_batch_is_written_whole_or_not_at_all(line: Line) -> None:
    """An error in the middle leaves nothing behind, and the ledger goes on."""
    good, bad = line.part(), line.part()
    broken = OpenPart(Part(good.seq, bad.trigger), 0)  # a sequence number twice: no lane does it
    with pytest.raises(LedgerError, match="cannot write the ledger"):
        line.ledger.write([OpenPart(good, 0), broken])
    assert line.ledger.balance().triggers == 0
    line.ledger.write([OpenPart(good, 0)])
    assert line.counted() == {"UNINSPECTED": 1}


def test_the_outbox_is_in_order_and_stops_at_an_open_row(line: Line) -> None:
    """Results go out strictly by sequence number, each naming the one before."""
    done = [line.complete() for _ in range(3)]
    waiting = line.opened()
    beyond = line.complete()
    rows = line.ledger.unpublished(10)
    assert [row.seq for row in rows] == [part.seq for part in done]
    assert [row.prev for row in rows] == [None, done[0].seq, done[1].seq]
    line.judge(waiting, VerdictKind.REJECT)
    line.report(waiting, OutcomeCode.REJECTED)
    rows = line.ledger.unpublished(10, after=done[-1].seq)
    assert [(row.seq, row.prev) for row in rows] == [
        (waiting.seq, done[-1].seq),
        (beyond.seq, waiting.seq),
    ]
    assert len(line.ledger.unpublished(2)) == 2


def test_a_result_holds_all_that_was_recorded(line: Line) -> None:
    """Every column comes back under its own name."""
    part = line.opened()
    verdict = Verdict(part, VerdictKind.RECHECK, Reason.NONE, 0.5, "m 2", 11, 12, 13, 14, 15)
    line.ledger.write([SetVerdict(verdict, "1/2.jpg")])
    line.report(part, OutcomeCode.REJECTED)
    (row,) = line.ledger.unpublished(1)
    assert (row.score, row.model, row.picture) == (0.5, "m 2", "1/2.jpg")
    times = (row.frame_ns, row.ready_ns, row.judged_ns, row.prepare_us, row.invoke_us)
    assert times == (11, 12, 13, 14, 15)
    assert (row.boot, row.gate_part, row.at_ns) == (77, 1, part.trigger.at_ns)
    assert (row.this_boot, row.clock_ok, row.wall_ns) == (True, True, line.clock.wall_ns())
    assert row.outcome_ns == part.trigger.at_ns + SECOND_NS


def test_what_is_marked_leaves_the_outbox_and_stays_in_the_ledger(line: Line) -> None:
    """A mark is for a complete row only, and may be given in any order."""
    parts = [line.complete() for _ in range(4)]
    waiting = line.opened()
    line.ledger.mark_published([parts[2].seq, parts[0].seq, waiting.seq])
    assert [row.seq for row in line.ledger.unpublished(10)] == [parts[1].seq, parts[3].seq]
    assert line.ledger.backlog() == 3
    assert sum(line.counted().values()) == 5


def test_the_predecessor_of_a_result_is_the_same_in_every_repeat(line: Line) -> None:
    """Also when that one was acknowledged and an earlier one was not."""
    first, second, third = (line.complete() for _ in range(3))
    once = line.ledger.unpublished(10)[2]
    line.ledger.mark_published([second.seq])
    rows = line.ledger.unpublished(10)
    assert [row.seq for row in rows] == [first.seq, third.seq]
    assert rows[1] == once


def test_events_have_their_own_outbox(line: Line) -> None:
    """Events are numbered, told once, and marked like results."""
    for number in range(3):
        line.ledger.write([AddEvent(Event("gate", f"lost {number}", number), 0)])
    events = line.ledger.unpublished_events(10)
    assert [event.text for event in events] == ["lost 0", "lost 1", "lost 2"]
    line.ledger.mark_events_published([events[0].number])
    assert [event.text for event in line.ledger.unpublished_events(10)] == ["lost 1", "lost 2"]
    assert [event.text for event in line.ledger.unpublished_events(10, events[1].number)] == [
        "lost 2"
    ]


def test_a_pass_without_report_waits_and_is_completed_when_stale(line: Line) -> None:
    """The controller may come back and say what it did; after a minute it will not."""
    part = line.opened()
    line.judge(part, VerdictKind.PASS)
    line.report(part, OutcomeCode.UNKNOWN)
    assert line.ledger.unpublished(1) == []
    assert line.ledger.complete_stale(part.trigger.at_ns) == 0
    assert line.ledger.complete_stale(part.trigger.at_ns + 1) == 1
    row = line.ledger.unpublished(1)[0]
    assert (row.verdict, row.outcome) == (VerdictKind.PASS, OutcomeCode.UNKNOWN)


def test_a_repeated_report_still_counts_after_an_unknown_one(line: Line) -> None:
    """UNKNOWN is the host's own word, the controller's is better."""
    part = line.opened()
    line.judge(part, VerdictKind.PASS)
    line.report(part, OutcomeCode.UNKNOWN)
    line.report(part, OutcomeCode.LATE_REFUSED)
    assert line.row(part)["reason"] == "late"


def test_a_part_in_work_is_never_stale(line: Line) -> None:
    """The gate lane gives every part a verdict; nobody else does while it runs."""
    line.opened()
    assert line.ledger.complete_stale(line.clock.now_ns() + MINUTE_NS) == 0


def test_a_restart_settles_parts_in_flight(line: Line) -> None:
    """In flight is UNINSPECTED; a recorded PASS stays PASS and waits for its outcome."""
    pending, passed = line.opened(), line.opened()
    line.judge(passed, VerdictKind.PASS)
    line.ledger.close()
    line.open()
    assert line.row(pending)["reason"] == "restart"
    row = line.row(passed)
    assert (row["verdict"], row["outcome"], row["complete"]) == ("PASS", "unknown", 0)
    assert line.ledger.in_flight_at_start == 1
    assert [event.kind for event in line.ledger.unpublished_events(9)] == ["restart"]
    line.report(passed, OutcomeCode.PASSED)
    assert line.row(passed)["complete"] == 1


def test_rows_of_an_earlier_life_wait_a_minute_from_the_start(line: Line) -> None:
    """The controller gets time to repeat what it has kept."""
    part = line.opened()
    line.ledger.close()
    line.clock.advance(10 * MINUTE_NS)
    line.open()
    line.ledger.maintain()
    assert line.row(part)["complete"] == 0
    line.clock.advance(MINUTE_NS + 1)
    line.ledger.maintain()
    assert line.row(part)["complete"] == 1


def test_numbers_are_never_used_twice(line: Line) -> None:
    """A clean stop gives the rest of a block back, a crash does not."""
    last = line.opened().seq
    line.ledger.close()
    line.open()
    assert line.part().seq == last + 1
    promised = json.loads((line.folder / "sequence.json").read_text())["reserved"]
    crash(line)
    line.open()
    assert line.part().seq == promised + 1


def test_numbers_beyond_the_reservation_are_reserved_before_they_are_written(line: Line) -> None:
    """The gate lane may run ahead of the disk; no row is committed under a free number."""
    for _ in range(3000):
        line.ledger.sequencer.next()
    part = line.opened()
    assert json.loads((line.folder / "sequence.json").read_text())["reserved"] >= part.seq


def test_the_reservation_runs_ahead_of_the_numbers(line: Line) -> None:
    """A quiet moment is used to reserve, so that writing need not."""
    for _ in range(900):
        line.ledger.sequencer.next()
    assert line.ledger.extend_reservation()
    reserved = json.loads((line.folder / "sequence.json").read_text())["reserved"]
    assert reserved >= line.ledger.sequencer.last + 1000


@pytest.mark.parametrize("idle", [True, False])
def test_marks_follow_the_commits(line: Line, idle: bool) -> None:
    """Every few seconds the small file learns what the ledger holds, also on a busy line."""
    part = line.complete()
    line.ledger.mark_published([part.seq])
    line.clock.advance(20 * SECOND_NS)
    if idle:
        line.ledger.maintain()
    else:
        part = line.opened()
    marks = json.loads((line.folder / "sequence.json").read_text())
    assert marks["committed"] == part.seq
    assert marks["published"] == part.seq - (0 if idle else 1)


def test_retention_deletes_only_the_oldest_published_rows(line: Line) -> None:
    """The balance counts them still, and the next result still names its predecessor."""
    parts = [line.complete() for _ in range(20)]
    line.ledger.mark_published([part.seq for part in parts[:10]])
    assert line.ledger.prune(keep_rows=18, slice_rows=5) == 2
    assert line.ledger.prune(keep_rows=0, slice_rows=5) == 5
    assert line.ledger.prune(keep_rows=0) == 2
    assert line.ledger.prune(keep_rows=0) == 0
    assert sum(line.counted().values()) == 11
    assert line.ledger.balance().triggers == 20
    assert line.ledger.backlog() == 10
    assert line.ledger.unpublished(1)[0].prev == parts[9].seq


def test_retention_keeps_the_highest_number(line: Line) -> None:
    """Otherwise the marks would take deleted rows for lost ones at the next start."""
    for _ in range(3):
        part = line.complete()
        line.ledger.mark_published([part.seq])
    line.ledger.prune(keep_rows=0)
    line.ledger.close()
    line.open()
    assert line.ledger.findings == ()
    assert sum(line.counted().values()) == 1


def test_a_closed_ledger_says_so_in_our_own_error(line: Line) -> None:
    """No exception of the database reaches a lane."""
    line.ledger.close()
    line.ledger.close()
    for call in (
        lambda: line.ledger.write([OpenPart(line.part(), 0)]),
        lambda: line.ledger.unpublished(1),
        lambda: line.ledger.unpublished_events(1),
        lambda: line.ledger.complete_stale(1),
    ):
        with pytest.raises(LedgerError):
            call()
    assert not line.ledger.mark_published([1])
    assert line.ledger.backlog() == 0


def test_marks_that_cannot_be_written_are_kept_for_the_next_time(line: Line) -> None:
    """A row that the broker has got is not handed out again meanwhile."""
    first, second = line.complete(), line.complete()
    blocker = sqlite3.connect(line.folder / "ledger.sqlite", isolation_level=None)
    line.ledger._outbox._connection.execute("PRAGMA busy_timeout = 0")
    blocker.execute("BEGIN IMMEDIATE")
    assert not line.ledger.mark_published([first.seq])
    assert [row.seq for row in line.ledger.unpublished(5)] == [second.seq]
    blocker.close()
    line.ledger.tidy()
    assert line.row(first)["published"] == 1


def test_reopening_keeps_parts_in_work(line: Line) -> None:
    """After a disk error the lane opens the ledger again while parts ride on."""
    part = line.opened()
    line.ledger.reopen()
    assert line.row(part)["reason"] == "pending"
    line.judge(part, VerdictKind.PASS)
    assert line.row(part)["verdict"] == "PASS"
    assert line.part().seq == part.seq + 1


def test_the_wal_is_moved_by_the_telemetry_lane(line: Line) -> None:
    """Checkpoints cost two syncs; they are kept out of the recorder's commits."""
    line.ledger.close()
    line.ballast_bytes = 8 * 1024 * 1024  # allows a -wal of 6 MiB
    line.open()
    assert not line.ledger.tidy()
    wal = line.folder / "ledger.sqlite-wal"
    while wal.stat().st_size < 4 * 1024 * 1024:
        line.ledger.write([OpenPart(line.part(), 0) for _ in range(500)])
    assert line.ledger.tidy()
    line.opened()
    assert wal.stat().st_size <= 1024 * 1024
    assert not line.ledger.tidy()
    assert line.ledger.balance().holds


def crash(line: Line) -> None:
    """Leave the ledger as a killed process would: nothing written, the lock gone."""
    ledger = line.ledger
    ledger._closed = True
    ledger._outbox.close()
    ledger._writer.close()
    ledger._lock.release()


KINDS = st.sampled_from(list(VerdictKind))
CODES = st.sampled_from(list(OutcomeCode))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.integers(0, 6)),
        st.tuples(st.just("judge"), st.integers(0, 6), KINDS),
        st.tuples(st.just("report"), st.integers(0, 6), CODES),
        st.tuples(st.just("publish"), st.integers(1, 4)),
        st.just(("commit",)),
        st.just(("restart",)),
    ),
    max_size=30,
)
TAKEN_BACK = {
    OutcomeCode.LATE_REFUSED: "late",
    OutcomeCode.TOO_CLOSE: "too_close",
    OutcomeCode.NO_HEARTBEAT: "gate",
    OutcomeCode.FAULT: "gate",
    OutcomeCode.REJECTED: "gate",
}


class Model:
    """The ledger in a dict: what the rules say, written a second time and simply."""

    def __init__(self) -> None:
        self.rows: dict[int, list[str]] = {}  # part -> [verdict, reason, outcome]
        self.published: set[int] = set()

    def complete(self, part: int) -> bool:
        verdict, reason, outcome = self.rows[part]
        waits = outcome == "" or (verdict == "PASS" and outcome == "unknown")
        return reason != "pending" and not waits and part not in self.open_again

    open_again: frozenset[int] = frozenset()

    def open(self, part: int) -> None:
        self.rows.setdefault(part, ["UNINSPECTED", "pending", ""])

    def judge(self, part: int, kind: VerdictKind) -> None:
        row = self.rows.get(part)
        if row is None or self.complete(part):
            return
        back = kind is VerdictKind.UNINSPECTED and row[0] != "UNINSPECTED"
        if row[1] == "pending" or back:
            row[0] = kind.value
            row[1] = "engine" if kind is VerdictKind.UNINSPECTED else "none"
            self._take_back(row)

    def report(self, part: int, code: OutcomeCode) -> None:
        row = self.rows.get(part)
        if row is None or self.complete(part) or row[2] == code.value:
            return
        if row[2] in {"", "unknown"}:
            row[2] = code.value
            self.open_again = self.open_again - {part}
            self._take_back(row)

    def restart(self) -> None:
        waiting = {part for part in self.rows if not self.complete(part)}
        for part in waiting:
            row = self.rows[part]
            row[1] = "restart" if row[1] == "pending" else row[1]
            row[2] = row[2] or "unknown"
        # What was not complete at the restart waits for the controller's word. A row that had one
        # and only lacked its verdict waits for the stale check.
        self.open_again = frozenset(waiting)

    def publish(self, count: int) -> None:
        for part in self.rows:
            if not self.complete(part) or count == 0:
                return
            if part not in self.published:
                self.published.add(part)
                count -= 1

    @staticmethod
    def _take_back(row: list[str]) -> None:
        if row[0] == "PASS" and row[2] in TAKEN_BACK:
            row[0], row[1] = "UNINSPECTED", TAKEN_BACK[OutcomeCode(row[2])]


@given(STEPS)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_order_of_writes_agrees_with_a_plain_model(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple]
) -> None:
    """Batches, repeats, restarts and publishing in any order: rows and balance as the model's."""
    line = Line(tmp_path_factory.mktemp("model"))
    model = Model()
    parts: dict[int, Part] = {}
    batch: list = []

    def commit() -> None:
        line.ledger.write(batch)
        batch.clear()

    for step in [*steps, ("commit",)]:
        if step[0] == "open":
            if step[1] not in parts:
                trigger = Trigger(7, step[1], step[1] * 10**7)
                parts[step[1]] = Part(line.ledger.sequencer.next(), trigger)
            batch.append(OpenPart(parts[step[1]], 0))
            model.open(step[1])
        elif step[0] == "judge" and step[1] in parts:
            reason = Reason.ENGINE if step[2] is VerdictKind.UNINSPECTED else Reason.NONE
            batch.append(SetVerdict(Verdict(parts[step[1]], step[2], reason)))
            model.judge(step[1], step[2])
        elif step[0] == "report":
            batch.append(SetOutcome(GateOutcome(7, step[1], step[2], 0)))
            model.report(step[1], step[2])
        elif step[0] == "publish":
            commit()
            line.ledger.mark_published([row.seq for row in line.ledger.unpublished(step[1])])
            model.publish(step[1])
        elif step[0] == "restart":
            commit()
            line.ledger.close()
            line.open()
            model.restart()
        else:
            commit()
    connection = sqlite3.connect(line.folder / "ledger.sqlite")
    query = "SELECT gate_part, verdict, reason, outcome, published FROM part"
    rows = {row[0]: list(row[1:4]) for row in connection.execute(query)}
    published = {row[0] for row in connection.execute(query) if row[4]}
    connection.close()
    balance = line.ledger.balance()
    line.ledger.close()
    assert rows == model.rows
    assert published == model.published
    assert balance.holds
    assert balance.triggers == len(rows)
    assert balance.passed == sum(row[0] == "PASS" for row in rows.values())
    assert balance.in_work == sum(row[1] == "pending" for row in rows.values())
