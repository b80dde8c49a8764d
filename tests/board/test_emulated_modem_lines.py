"""The modem-control lines of a UART, below a real kernel: what a gate on RTS or DTR would see.

The observer is qemu: it reads the register that drives both lines, and asks nobody on the board.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from emulated_board import EmulatedBoard, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

PROGRAM = Path(__file__).parents[1] / "support" / "modem_line.py"
PORT, REGISTER = "/dev/ttyS2", "0x3ec"  # the third UART's modem control register
DTR, RTS = 1, 2
UNIT = "modem-line"


class Lines:
    """The third serial port of a board, with the driver as a service on it."""

    def __init__(self, board: EmulatedBoard) -> None:
        self.board = board
        board.put(PROGRAM, "/root/modem_line.py")

    def start(self, what: str) -> None:
        """Let the driver open the port, and rest or toggle."""
        self.board.run(
            f"systemd-run --quiet --collect --unit={UNIT} /opt/linewarden/bin/python -I "
            f"/root/modem_line.py {PORT} {what}"
        )
        wait_for(lambda: PORT in self._open_files(), "the open port")

    def kill(self, name: str = "KILL") -> None:
        """Send the driver a signal; after one that ends it, wait for its end."""
        self.board.run(f"systemctl kill -s {name} {UNIT}")
        if name in {"KILL", "TERM"}:
            wait_for(lambda: self.board.tried(f"systemctl is-active {UNIT}")[0], "its end")

    def now(self) -> int:
        """Return the levels, as bits."""
        said = self.board.qemu.qmp("human-monitor-command", **{"command-line": f"i /b {REGISTER}"})
        return int(re.search(r"= 0x([0-9a-f]+)", said)[1], 16) & (DTR | RTS)

    def watched(self, samples: int = 40) -> set[int]:
        """Return all levels that were seen for some seconds."""
        seen = set()
        for _ in range(samples):
            seen.add(self.now())
            time.sleep(0.05)
        return seen

    def _open_files(self) -> str:
        pid = self.board.shows("MainPID", UNIT)
        return self.board.tried(f"ls -l /proc/{pid}/fd")[1]


def test_only_a_pulse_moves_the_line(made, disk):
    """Fault 28: open, close, kill and a stall leave it standing, up or down, and so rejecting."""
    with EmulatedBoard(made.parent / "image", disk) as board:
        lines = Lines(board)
        assert len(lines.watched()) == 1  # before anybody has opened it
        for end in ("KILL", "TERM"):
            lines.start("rest")
            assert lines.watched() == {DTR | RTS}
            lines.kill(end)
            assert lines.watched() == {DTR | RTS}
        lines.start("pulse")
        wait_for(lambda: lines.watched() == {DTR, DTR | RTS}, "a line that toggles")
        lines.kill("STOP")
        assert len(lines.watched()) == 1
        lines.kill("CONT")
        wait_for(lambda: lines.watched() == {DTR, DTR | RTS}, "a line that toggles again")
        lines.kill("KILL")
        assert len(lines.watched()) == 1
        lines.start("rest")
        assert lines.watched() == {DTR | RTS}
        lines.kill("TERM")
        assert lines.watched() == {DTR | RTS}
