"""What a power cut meets, and what judges the disk afterwards: run by test_power_walk.py.

`power_walk.py run MOUNT MADE` runs a line whose ledger and slots lie on MOUNT and flashes it again
and again; `power_walk.py check MOUNT ACKS MADE` holds what is left against the belt's own record.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from pathlib import Path

from live_line import wait_until
from slot_line import SlotLine

from agent.audit.verify import verify_folder
from agent.sim.judge import judge, read_record
from bundle.archive import parse_archive
from bundle.signature import read_keyring
from bundle.slots import active_path, open_slots


class WalkLine(SlotLine):
    """A line with ledger and slots on the disk that loses its power; its belt is elsewhere."""

    def __init__(self, mount: Path, folder: Path, made: Path) -> None:
        super().__init__(folder, rate=10, parts=100_000)
        self.slots, self.trust, self._ledger = mount / "slots", made / "trust", mount / "ledger"
        self.settings += "max_uninspected_share = 1.0\nmax_p99_ms = 600000\n"

    def _write_config(self, start_ns: int) -> None:
        super()._write_config(start_ns)
        text = self.config.read_text("utf-8")
        self.config.write_text(text.replace('folder = "ledger"', f'folder = "{self._ledger}"'))


def record_of(made: Path) -> Path:
    """Return the folder of this cut's belt record, which lies on another disk."""
    return made / f"cut-{os.environ['POWERCUT_CUT']}"


def run(mount: Path, made: Path) -> None:
    """Judge parts, and flash, confirm and roll back, until the power goes."""
    folder = record_of(made)
    folder.mkdir()
    with WalkLine(mount, folder, made) as line:
        bundles = sorted(made.glob("*.lwb"))
        line.flash(bundles[0].read_bytes(), confirm=True)
        line.start_gate()
        line.start_agent()
        wait_until(lambda: any(part["opened_for"] for part in line.met()), "a part let through")
        for number, path in enumerate(bundles[1:]):
            line.flash(path.read_bytes())
            _say("flash", line)
            wait_until(lambda p=path: line.judging().title.endswith(str(int(p.stem))), "the swap")
            line.do(lambda slots, n=number: slots.confirm() if n % 2 else slots.rollback())
            _say("confirm" if number % 2 else "rollback", line)


def _say(deed: str, line: WalkLine) -> None:
    state = line.do(lambda slots: slots.state)
    sys.stdout.write(f"{deed} {state.judging.release}\n")
    sys.stdout.flush()


def check(mount: Path, acks: list[str], made: Path) -> None:
    """Judge a disk after the power cut; prints what was proven."""
    trust = read_keyring(made / "trust")
    with open_slots(mount / "slots", trust) as slots:
        settled = slots.settle()
    assert settled.findings == (), settled.findings
    held = settled.state.judging
    archive = parse_archive(active_path(mount / "slots").read_bytes(), trust)
    assert held.title == archive.title
    deeds = [ack.split() for ack in acks if ack != "ready"]  # which is the controller's own word
    if deeds:
        deed, number = deeds[-1]
        next_ones = {int(number) + step for step in (-1, 0, 1, 2)}
        assert held.release in next_ones, (held.release, deed, number)
    record = record_of(made) / "belt.jsonl"
    parts = read_record(record.read_text().splitlines()) if record.exists() else ()
    rows = _rows(mount / "ledger")
    told = judge(parts, [row[:3] for row in rows])
    assert told.safe, told.wrong_part
    assert not told.double_rows
    assert {row[3] for row in rows} <= {"", *_titles(made)}
    if (mount / "ledger" / "audit.jsonl").exists():
        assert verify_folder(mount / "ledger", []).sound
    sys.stdout.write(f"{told.parts} parts, passed {told.passed}, {held.title}\n")


def _titles(made: Path) -> set[str]:
    return {f"rendered-mobilenet_v2-1.0.{int(path.stem)}" for path in made.glob("*.lwb")}


def _rows(ledger: Path) -> list[tuple[int, int, str, str]]:
    if not (ledger / "ledger.sqlite").exists():
        return []
    database = sqlite3.connect(ledger / "ledger.sqlite")
    try:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return database.execute("SELECT boot, gate_part, verdict, model FROM part").fetchall()
    finally:
        database.close()


if __name__ == "__main__":
    if sys.argv[1] == "run":
        run(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        check(Path(sys.argv[2]), Path(sys.argv[3]).read_text().splitlines(), Path(sys.argv[4]))
