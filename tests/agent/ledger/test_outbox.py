"""The ledger as outbox: results and events in order, marked once the broker has them."""

from __future__ import annotations

import sqlite3

from ledger_line import SECOND_NS, Line

from agent.ledger.rows import AddEvent, OpenPart, SetVerdict
from agent.records import (
    Event,
    OutcomeCode,
    Reason,
    Verdict,
    VerdictKind,
)


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
