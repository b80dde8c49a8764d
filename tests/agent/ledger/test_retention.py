"""Retention: only the oldest published rows go, and the account stays."""

from __future__ import annotations

from ledger_line import Line


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
