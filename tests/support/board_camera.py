"""The camera of an emulated board: the kernel's vivid, its controls, and its cable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from emulated_board import EmulatedBoard, wait_for

DEVICE = "/dev/video0"
V4L2_CTL = f"v4l2-ctl -d {DEVICE}"
HAND = "lw-hand"  # the unit that holds the device while its cable is out
PLUG = "/run/lw-plug"
# vivid gives a disconnected device back once nobody has it open any more: who holds it keeps the
# cable out, and whatever is to follow comes within the moment that it lets go.
_HOLD = f"exec 3<{DEVICE}; until [ -e {PLUG} ]; do sleep 0.1 3<&-; done; exec 3<&-; {{then}}"


@dataclass(frozen=True)
class VividCamera:
    """What is done to the camera, and what the board says of it."""

    board: EmulatedBoard

    def set(self, control: str, value: int) -> None:
        """Turn a control, as any program may while another one has the stream."""
        self.board.run(f"{V4L2_CTL} -c {control}={value}")

    def control(self, name: str) -> int:
        """Return what a control is turned to."""
        return int(self.board.run(f"{V4L2_CTL} -C {name}").rpartition(":")[2])

    def format(self) -> str:
        """Return size and pixel format as v4l2-ctl says them; its error while unplugged."""
        return self.board.tried(f"{V4L2_CTL} --get-fmt-video")[1]

    def openings(self) -> list[str]:
        """Return where the frame times came from, for each time that the agent opened it."""
        said = "journalctl -u linewarden -o cat --no-pager"
        words = "frame times are from: "
        lines = self.board.run(f"journalctl --sync; {said} | grep -o '{words}.*' || true")
        return [line.removeprefix(words).strip() for line in lines.splitlines() if words in line]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind in their order."""
        rows = sorted(self.board.rows("event"), key=lambda row: row["number"])
        return [row for row in rows if row["kind"] == kind]

    def replug(self) -> str:
        """Pull the cable out and put it back; returns where the frame times come from then."""
        before = len(self.openings())
        self.set("disconnect", 1)
        return wait_for(lambda: self.openings()[before:], "an opened camera")[-1]

    @contextmanager
    def unplugged(self, then: str = "exit") -> Iterator[None]:
        """Pull the cable out; at the end it is put back, and `then` is the first that opens it."""
        self.board.run(f"rm -f {PLUG}; systemctl stop {HAND} 2>&1 || true")
        hold = _HOLD.format(then=then)
        self.board.run(f"systemd-run --quiet --collect --unit={HAND} sh -c '{hold}'")
        pid = self.board.shows("MainPID", HAND)
        self.board.run(f"until ls -l /proc/{pid}/fd | grep -q {DEVICE}; do sleep 0.2; done")
        self.set("disconnect", 1)
        wait_for(lambda: self._open_in() == 1, "an agent that has let go of it")
        yield
        self.board.run(f"touch {PLUG}")

    def _open_in(self) -> int:
        return len(self.board.run(f"lsof -t {DEVICE} 2>/dev/null || true").split())

    @property
    def taken(self) -> bool:
        """Whether what came after the cable still runs."""
        return self.board.tried(f"systemctl is-active {HAND}")[0] == 0
