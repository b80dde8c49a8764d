"""Boards as they leave the plant, on this machine: a bare Debian, booted, with sshd on a port."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

from booted import Booted, wait_for

USER = "pi"


class Board:
    """One board. Its tree is prepared at once and booted for the `with` block."""

    def __init__(self, name: str, base: Path, folder: Path, public_key: str) -> None:
        self.name, self.port, self.tree = name, _free_port(), folder / name
        subprocess.run(["cp", "-a", str(base), str(self.tree)], check=True)
        (self.tree / "etc/hostname").write_text(f"{name}\n", "ascii")
        self._let_in(public_key)
        for each in (self.tree / "etc/ssh").glob("ssh_host_*"):
            each.unlink()
        subprocess.run(["ssh-keygen", "-q", "-A", "-f", str(self.tree)], check=True)
        (self.tree / "etc/ssh/sshd_config.d/board.conf").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nPasswordAuthentication no\n", "ascii"
        )
        self._booted = Booted(self.tree)

    def __enter__(self) -> Board:
        self._booted.__enter__()
        try:
            wait_for(self._listens)
        except BaseException:
            self._booted.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._booted.__exit__()

    @property
    def known_host(self) -> str:
        """Return the line of a known_hosts file: who answers on the port must be this board."""
        kind, key = (self.tree / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2]
        return f"[127.0.0.1]:{self.port} {kind} {key}"

    def logins(self) -> int:
        """Return how often somebody was let in by ssh."""
        said = self.run("journalctl", "-b", "-u", "ssh", "-o", "cat")
        return said.count("Accepted publickey")

    def run(self, *words: str) -> str:
        """Return what a command on the board says, without ssh."""
        return self._booted.run(*words)

    def shows(self, key: str) -> str:
        """Return a property of the service."""
        return self._booted.shows(key)

    def _let_in(self, public_key: str) -> None:
        subprocess.run(
            ["chroot", str(self.tree), "useradd", "-m", "-s", "/bin/bash", USER],
            check=True, capture_output=True,
        )  # fmt: skip
        (self.tree / "etc/sudoers.d/board").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")
        home = self.tree / "home" / USER
        (home / ".ssh").mkdir(mode=0o700)
        (home / ".ssh/authorized_keys").write_text(public_key, "ascii")
        owner = home.stat()
        for each in (home / ".ssh", home / ".ssh/authorized_keys"):
            os.chown(each, owner.st_uid, owner.st_gid)

    def _listens(self) -> bool:
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0


def make_key(folder: Path) -> Path:
    """Make the engineer's ssh key; returns the secret half."""
    path = folder / "engineer"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def remove(board: Board) -> None:
    """Take the board's files away: they are large."""
    shutil.rmtree(board.tree)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
