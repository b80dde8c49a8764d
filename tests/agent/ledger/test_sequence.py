"""Sequence numbers are reserved ahead and never used twice, and the marks follow the commits."""

from __future__ import annotations

import json

import pytest
from ledger_line import SECOND_NS, Line


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


def crash(line: Line) -> None:
    """Leave the ledger as a killed process would: nothing written, the lock gone."""
    ledger = line.ledger
    ledger._closed = True
    ledger._outbox.close()
    ledger._writer.close()
    ledger._lock.release()
