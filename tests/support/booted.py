"""A Debian tree booted with its own systemd by systemd-nspawn: seconds, without an emulator."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

WITHIN_S = 120.0
# Where a machine may keep its groups of processes; each board has its own, for it is their root.
_GROUPS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup")
_ENTER = 'for each in $1; do echo $$ >"$each/cgroup.procs"; done; shift; exec "$@"'
_NSPAWN = ("systemd-nspawn", "--register=no", "--keep-unit", "-q")


class Groups:
    """Groups of processes of one tree's own: nspawn makes others inside, and leaves them behind."""

    def __init__(self) -> None:
        name = f"linewarden-{secrets.token_hex(4)}"
        roots = [Path(each) for each in _GROUPS if Path(each, "cgroup.procs").exists()]
        self._folders = [root / name for root in roots]

    def enter(self) -> list[str]:
        """Make them; returns the words before a command that shall run in them."""
        for folder in self._folders:
            folder.mkdir()
        return ["sh", "-c", _ENTER, "sh", " ".join(map(str, self._folders))]

    def remove(self) -> None:
        """Take them away, once nobody is in them any more."""
        wait_for(self._gone, 30)

    def _gone(self) -> bool:
        for folder in self._folders:
            for place, _, _ in os.walk(folder, topdown=False):
                with suppress(OSError):
                    Path(place).rmdir()
        return not any(folder.exists() for folder in self._folders)


class Booted:
    """One tree, booted; commands run in it as root. Ends with the `with` block.

    `options` are further words for systemd-nspawn.
    """

    def __init__(self, tree: Path, *options: str) -> None:
        self.tree = tree
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0
        self._groups = Groups()

    def __enter__(self) -> Booted:
        self._process = subprocess.Popen(
            [
                *self._groups.enter(),
                *_NSPAWN,
                "-b",
                "--console=pipe",
                *self._options,
                "-D",
                str(self.tree),
            ],
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            wait_for(self._found)
            wait_for(
                lambda: (
                    self.run("systemctl", "is-system-running").strip() in ("running", "degraded")
                )
            )
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        try:
            # As PID 1 of its namespace: with it goes everything that runs in the tree.
            if self._init:
                os.kill(self._init, signal.SIGKILL)
                self._process.wait(30)
        finally:
            self._process.kill()
            self._process.wait(30)
            self._groups.remove()

    def run(self, *words: str) -> str:
        """Return what a command in the tree says, whatever its exit code."""
        inside = ["nsenter", "-t", str(self._init), "-m", "-u", "-i", "-n", "-p", "-C", "--"]
        done = subprocess.run(
            [*inside, *words], capture_output=True, text=True, timeout=120, check=False
        )
        return done.stdout

    def shows(self, key: str, unit: str = "linewarden") -> str:
        """Return one property of a unit."""
        return self.run("systemctl", "show", "-p", key, "--value", unit).strip()

    def _found(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "systemd-nspawn ended"
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        for child in path.read_text("ascii").split():
            if Path(f"/proc/{child}/root/run/systemd/private").exists():
                self._init = int(child)
                return True
        return False


def wait_for(condition, within_s: float = WITHIN_S) -> None:
    """Wait until the condition holds; fails when it never does."""
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"waited {within_s:g} s in vain"
        time.sleep(0.1)


def install(base: Path, deb: Path, tree: Path) -> None:
    """Copy a bare tree and install the package in it, as apt would, without a network."""
    subprocess.run(["cp", "-a", str(base), str(tree)], check=True)
    shutil.copy(deb, tree / "root/linewarden.deb")
    groups = Groups()
    try:
        subprocess.run(
            [*groups.enter(), *_NSPAWN, "--pipe", "-D", str(tree),
             "-E", "DEBIAN_FRONTEND=noninteractive", "dpkg", "-i", "/root/linewarden.deb"],
            check=True, capture_output=True, timeout=280,
        )  # fmt: skip
    finally:
        groups.remove()
