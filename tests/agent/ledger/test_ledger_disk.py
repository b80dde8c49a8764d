"""The ledger on a disk that is full or fails: nothing is lost, and it recovers by itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ledger_rig import LEDGER, Parts
from ledger_writer import compare, writer
from small_disk import fill, small_disk

from agent.clock import ManualClock, SystemClock
from agent.errors import LedgerError
from agent.ledger.store import open_ledger


def test_a_full_disk_loses_nothing_and_recovers_by_itself(tmp_path: Path) -> None:
    """Unpublished rows are kept, what does not fit is refused, published rows make room."""
    with small_disk(tmp_path / "disk", "6m") as disk:
        ledger = open_ledger(disk, ManualClock(), ballast_bytes=2 * 1024 * 1024)
        parts = Parts(ledger)
        with pytest.raises(LedgerError, match="free space on its disk"):
            parts.write_on(200)
        written = ledger.balance().triggers
        assert written > 1000
        assert len(ledger.unpublished(100_000)) == written  # nothing unpublished was deleted
        with pytest.raises(LedgerError, match="free space"):
            parts.write(200)
        assert not ledger.make_room()
        ledger.mark_published([row.seq for row in ledger.unpublished(written // 2)])
        parts.write(200)
        balance = ledger.balance()
        assert (balance.triggers, balance.holds) == (written + 200, True)
        assert len(ledger.unpublished(100_000)) == written + 200 - written // 2
        assert (disk / "ballast").stat().st_size == 2 * 1024 * 1024
        ledger.close()


def test_a_disk_full_of_other_things_recovers_when_they_go(tmp_path: Path) -> None:
    """Space that returns is used at once, without opening anything again."""
    with small_disk(tmp_path / "disk", "6m") as disk:
        ledger = open_ledger(disk, ManualClock(), ballast_bytes=4096)
        parts = Parts(ledger)
        filler = fill(disk)
        with pytest.raises(LedgerError):
            parts.write_on(50)
        before = ledger.balance().triggers
        filler.unlink()
        parts.write(50)
        assert ledger.balance().triggers == before + 50
        ledger.close()


def can_inject() -> bool:
    """Tell whether strace may inject faults into a child of ours."""
    command = ["strace", "-qq", "-e", "inject=fdatasync:error=EIO:when=1", "true"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.mark.parametrize("when", ["5", "5+"])
def test_a_failing_sync_is_written_again_by_id(tmp_path: Path, when: str) -> None:
    """EIO once: the batch comes again after reopening. Always: our error, no crash."""
    if not can_inject():
        pytest.skip("needs strace with the right to trace")
    inject = f"inject=fdatasync:error=EIO:when={when}"
    wal = str(tmp_path / f"{LEDGER}-wal")
    prefix = ("strace", "-f", "-qq", "-o", "/dev/null", "-P", wal, "-e", inject)
    process = writer(tmp_path, 1, "12", prefix=prefix)
    out, err = process.communicate(timeout=120)
    assert "disk I/O error" in out
    if when == "5":
        assert out.splitlines()[-1] == "done", err
    else:
        assert "LedgerError" in err
        assert "done" not in out
    compare(tmp_path, out.split("\n"))
    ledger = open_ledger(tmp_path, SystemClock())
    assert ledger.balance().holds
    ledger.close()


def test_marks_that_fail_while_running_stop_nothing(tmp_path: Path) -> None:
    """Rows go on under reserved numbers; the next start takes the end for a crash."""
    ledger = open_ledger(tmp_path, ManualClock(), ballast_bytes=4096)
    (tmp_path / "sequence.json").unlink()
    (tmp_path / "sequence.json").mkdir()
    Parts(ledger).write(600)
    assert not ledger.extend_reservation()
    parts = Parts(ledger, boot=2)
    with pytest.raises(LedgerError):
        parts.write_on(100)
    assert ledger.balance().triggers == 1000
    (tmp_path / "sequence.json").rmdir()
    parts.write(100)
    assert ledger.extend_reservation()
    ledger.close()
