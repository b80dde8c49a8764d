"""Power cuts while a model is flashed, confirmed or taken back on a board whose line runs.

LINEWARDEN_BOARD_CUTS says how many: 3 without it, 30 in the nightly run.
"""

from __future__ import annotations

import os
import random
import sqlite3
import tarfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from board_line import Line, running_line
from emulated_board import EmulatedBoard, release, wait_for
from flash_rig import OFFICE

from agent.audit.verify import verify_folder
from bundle.archive import parse_archive
from bundle.signature import read_keyring
from bundle.slot_files import read_state
from bundle.slot_state import SlotState, floor
from bundle.slots import active_path
from deploy.keys import public_pem

CUTS = int(os.environ.get("LINEWARDEN_BOARD_CUTS", "3"))
SEED = int(os.environ.get("LINEWARDEN_BOARD_SEED", "7"))
# Nothing here ends a probation but the test itself.
PROBATION = """\
parts = 100000
max_uninspected_share = 1.0
max_reject_shift = 1.0
max_reject_share = 1.0
max_score_shift = 1.0
max_p99_ms = 600000.0"""
# Says on another serial line when something in the slots has changed: the power goes just then.
WATCHER = """
import os, time
out, root = os.open("/dev/ttyS2", os.O_WRONLY | os.O_NOCTTY), "/var/lib/linewarden/slots"
def seen():
    found = []
    for place in (root + "/a", root + "/b", root + "/state.json"):
        try:
            found.append(os.stat(place).st_mtime_ns)
        except OSError:
            found.append(0)
    return found
last = seen()
while True:
    time.sleep(0.002)
    now = seen()
    if now != last:
        last = now
        os.write(out, b"!")
"""

pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(1200 + 900 * CUTS)]


@pytest.fixture
def trust(tmp_path):
    """Return whom the board trusts."""
    folder = tmp_path / "trust"
    folder.mkdir()
    (folder / "office.pub").write_bytes(public_pem(OFFICE.public_key()))
    return read_keyring(folder)


def fetched(board: EmulatedBoard, what: str, folder: Path) -> Path:
    """Copy a folder of /var/lib/linewarden to this host."""
    board.run(f"tar -C /var/lib/linewarden -cf /root/{what}.tar {what}")
    board.qemu.get(f"/root/{what}.tar", str(folder / f"{what}.tar"))
    with tarfile.open(folder / f"{what}.tar") as archive:
        archive.extractall(folder, filter="data")
    return folder / what


def found(board: EmulatedBoard, trust, folder: Path) -> tuple[SlotState, int]:
    """Return the board's slots after the cut: what judges is whole, trusted, and proven once."""
    folder.mkdir()
    slots = fetched(board, "slots", folder)
    state = read_state(slots)
    judging, path = state.judging, active_path(slots)
    assert judging is not None
    assert path is not None
    assert judging.status in {"trial", "good"}
    assert parse_archive(path.read_bytes(), trust).title == judging.title
    told = board.run("linewarden status || true")
    assert f"the agent judges by {judging.title}" in told, told
    return state, floor(state, trust.trusted)


class Deed:
    """One thing a technician does, which may end before the power goes."""

    def __init__(self, board: EmulatedBoard, command: str) -> None:
        self._board, self._command = board, command
        self.done = False
        self._thread = threading.Thread(target=self._do)
        self._thread.start()

    def _do(self) -> None:
        # Whatever a board without power answers is no answer.
        with suppress(Exception):
            self.done = self._board.tried(self._command, 120)[0] == 0

    def join(self) -> bool:
        """Return whether it had said that it was done."""
        self._thread.join(60)
        return self.done


class Cutter:
    """Does one deed after another, each with a power cut somewhere in it."""

    def __init__(self, line: Line, trust, folder: Path) -> None:
        self.line, self.board, self.trust, self.folder = line, line.board, trust, folder
        self.chance = random.Random(SEED)
        self.next_release = 2
        self.cuts = self.aimed = self.finished = 0
        self.known = {"", "vivid-1.1"}
        self.state, self.lowest = found(self.board, trust, folder / "before")

    def cut(self) -> None:
        """One deed, one cut, one start, and a look at what is left."""
        command, allowed = self._choose()
        signal = self.board.qemu.serial("ttyS2")
        with signal:
            self._watch()
            deed = Deed(self.board, command)
            self._wait(signal)
            self.board.qemu.power_cut()
        done = deed.join()
        self.cuts, self.finished = self.cuts + 1, self.finished + done
        self.board.qemu.boot(wait=False)
        with self.line.plugged():
            self.board.qemu.wait_ready(900)
            wait_for(lambda: "vivid-" in self.board.shows("StatusText"), "a model that judges")
            self.line.wait_for_more("PASS", 1)
            state, lowest = found(self.board, self.trust, self.folder / f"cut-{self.cuts}")
            self._judge(state, lowest, allowed, done=done)
            self.state, self.lowest = state, lowest
            until_ns = self.line.stop() if self.cuts == CUTS else 0
        if until_ns:
            self._close(until_ns)

    def _choose(self) -> tuple[str, set[tuple[str, int]]]:
        """Return the next command, and what may judge on which floor after it was done."""
        held = self.state.judging
        if not self.state.on_trial:
            title = f"vivid-1.{self.next_release}"
            path = release(self.folder, self.next_release)
            self.board.put(path, "/root/next.lwb")
            self.known.add(title)
            self.next_release += 1
            return "linewarden flash /root/next.lwb", {(title, self.lowest)}
        if self.chance.random() < 0.6:
            return "linewarden confirm", {(held.title, held.release)}
        previous = self.state.slots[self.state.free]
        return "linewarden rollback", {(previous.title, self.lowest)}

    def _watch(self) -> None:
        self.board.put(WATCHER.encode(), "/root/watcher.py")
        self.board.run("stty -F /dev/ttyS2 raw -echo")
        self.board.run("systemd-run -q --unit=watcher python3 -I -S /root/watcher.py; sleep 2")

    def _wait(self, signal) -> None:
        """Wait for a random moment: of the whole deed, or just when the slots change."""
        if self.chance.random() < 0.3:
            time.sleep(self.chance.uniform(1, 30))
            return
        signal.settimeout(120)
        with suppress(TimeoutError):
            self.aimed += bool(signal.recv(1))
            time.sleep(self.chance.uniform(0, 0.6))

    def _judge(self, state: SlotState, lowest: int, allowed, *, done: bool) -> None:
        now = (state.judging.title, lowest)
        before = (self.state.judging.title, self.lowest)
        # A deed that has said so is never forgotten; one that has not may still have happened.
        assert now in (allowed if done else allowed | {before}), (now, before, allowed, done)

    def _close(self, until_ns: int) -> None:
        rows = self.board.rows()
        assert {row["model"] for row in rows} <= self.known
        self.line.assert_agreed(until_ns)
        ledger = fetched(self.board, "ledger", self.folder)
        assert verify_folder(ledger, []).sound
        with sqlite3.connect(ledger / "ledger.sqlite") as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()


def test_power_may_go_at_any_moment_of_a_change(
    made, disk, tmp_path, mosquitto, subscribe, trust, figure
):
    """Always one whole verified model, none unverified has judged, the ledger is whole."""
    with (
        EmulatedBoard(made.parent / "image", disk) as board,
        running_line(board, tmp_path, mosquitto, subscribe, probation=PROBATION) as line,
    ):
        cutter = Cutter(line, trust, tmp_path)
        for _ in range(CUTS):
            cutter.cut()
        figure("cuts", {"cuts": cutter.cuts, "aimed": cutter.aimed, "done_before": cutter.finished})
