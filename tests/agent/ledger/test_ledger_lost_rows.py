"""Rows and marks that damage has taken: noticed, and nothing is numbered or sent twice."""

from __future__ import annotations

from pathlib import Path

from ledger_rig import LEDGER, Parts, abandon, filled, flip

from agent.clock import ManualClock
from agent.ledger.store import open_ledger


def test_a_wal_that_lost_rows_is_noticed(tmp_path: Path) -> None:
    """SQLite says ok to a damaged -wal; the marks know better, and numbers go on above them."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    ledger = open_ledger(folder, ManualClock())
    parts = Parts(ledger)
    for _ in range(30):
        last = parts.write(2)[-1]
    ledger._save_marks()
    abandon(ledger, folder)
    flip(folder / f"{LEDGER}-wal", 0.5)
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    try:
        lost = ledger.balance().triggers
        assert 0 < lost < 60
        assert f"{last.seq} were recorded and are gone" in ledger.findings[0]
        assert ledger.unpublished_events(1)[0].kind == "ledger_gap"
        assert ledger.sequencer.next() > last.seq
    finally:
        ledger.close()


def test_rows_the_broker_has_got_are_not_sent_again_after_a_loss(tmp_path: Path) -> None:
    """Marks that a damaged -wal has lost come back from the small file."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    written = Parts(ledger).write(20)
    wal = (folder / f"{LEDGER}-wal").read_bytes()
    ledger.mark_published([part.seq for part in written[:10]])
    ledger._save_marks()
    abandon(ledger, folder)
    (folder / f"{LEDGER}-wal").write_bytes(wal)
    (folder / f"{LEDGER}-shm").unlink()
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    assert [row.seq for row in ledger.unpublished(1)] == [written[10].seq]
    ledger.close()


def test_damaged_marks_cost_numbers_and_nothing_else(tmp_path: Path) -> None:
    """Without the small file a whole block of numbers is left out."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    _, written = filled(folder)
    (folder / "sequence.json").write_text("{")
    ledger = open_ledger(folder, ManualClock(), ballast_bytes=4096)
    assert ledger.sequencer.next() > written[-1].seq + 1000
    assert ledger.balance().triggers == 60
    assert "sequence.json" in ledger.findings[0]
    ledger.close()
