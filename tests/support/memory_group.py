"""A control group with little memory, where this machine lets us make one below our own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CONTROL = Path("/sys/fs/cgroup")
# Takes memory until the kernel has none left for the group; is itself not to be ended for it.
HOG = """
import sys
open("/proc/self/oom_score_adj", "w").write("-1000")
open(sys.argv[1], "w").write("0")
print("in", flush=True)
sys.stdin.readline()
held = []
for _ in range(1024):
    held.append(bytearray(b"x") * (1 << 20))
sys.stdin.readline()
"""


class MemoryGroup:
    """One group: who is in it shares its memory, and when that ends the kernel ends one of them."""

    def __init__(self, folder: Path, limit: str, kills: str) -> None:
        self.folder = folder
        self._limit = limit
        self._kills = kills

    def take_in(self, pid: int) -> None:
        """Move a process with all its threads into the group."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    def limit(self, most_bytes: int) -> None:
        """Let the group have so much, and none of the swap."""
        (self.folder / self._limit).write_text(str(most_bytes))
        for name, value in (("memory.memsw.limit_in_bytes", most_bytes), ("memory.swap.max", 0)):
            with contextlib.suppress(OSError):
                (self.folder / name).write_text(str(value))

    @property
    def kills(self) -> int:
        """Return how many of its processes the kernel has ended for want of memory."""
        lines = (line.split() for line in (self.folder / self._kills).read_text().splitlines())
        return next(int(count) for name, count in lines if name == "oom_kill")

    @contextlib.contextmanager
    def hog(self) -> Iterator[subprocess.Popen[str]]:
        """Put a process into the group that takes all its memory once it gets a line."""
        process = subprocess.Popen(
            [sys.executable, "-c", HOG, str(self.folder / "cgroup.procs")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert process.stdout.readline() == "in\n"
            yield process
        finally:
            process.kill()
            process.communicate()


@contextlib.contextmanager
def memory_group() -> Iterator[MemoryGroup]:
    """Make a group below this process's own; skipped in words where there is no right to."""
    group = _make()
    if group is None:
        pytest.skip(
            "needs root and a memory control group below its own (cgroup v1 or delegated v2)"
        )
    try:
        yield group
    finally:
        _remove(group.folder)


def _make() -> MemoryGroup | None:
    own = dict(
        line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines()
    )
    name = f"linewarden-test-{os.getpid()}"
    if "memory" in own:
        folder = CONTROL / "memory" / own["memory"].lstrip("/") / name
        group = MemoryGroup(folder, "memory.limit_in_bytes", "memory.oom_control")
    else:
        folder = CONTROL / own.get("", "/").lstrip("/") / name
        group = MemoryGroup(folder, "memory.max", "memory.events")
    try:
        folder.mkdir()
    except OSError:
        return None
    if (folder / group._limit).exists():
        return group
    folder.rmdir()  # v2 without the controller: it was not delegated
    return None


def _remove(folder: Path) -> None:
    """Take the group away once all its processes are gone."""
    end_s = time.monotonic() + 30
    while (folder / "cgroup.procs").read_text() and time.monotonic() < end_s:
        time.sleep(0.05)
    folder.rmdir()
