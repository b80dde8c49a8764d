"""The other end of NOTIFY_SOCKET: what a service would have told systemd."""

from __future__ import annotations

import os
import secrets
import socket
import threading


class FakeSystemd:
    """Listens on a socket without a file, in a thread of its own, for the `with` block."""

    def __init__(self) -> None:
        self.address = f"@linewarden-test-{os.getpid()}-{secrets.token_hex(4)}"
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._thread = threading.Thread(target=self._listen, name="fake-systemd")

    def __enter__(self) -> FakeSystemd:
        self._socket.bind(self.address.replace("@", "\0", 1))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"", self.address.replace("@", "\0", 1).encode())
        self._thread.join()
        self._socket.close()

    @property
    def status(self) -> str:
        """Return what `systemctl status` would show."""
        shown = [line for text in self.told for line in text.splitlines() if "STATUS=" in line]
        return shown[-1].partition("=")[2] if shown else ""

    @property
    def fed(self) -> int:
        """Return how often the watchdog was fed."""
        return sum("WATCHDOG=1" in text for text in self.told)

    def _listen(self) -> None:
        while text := self._socket.recv(4096):
            self.told.append(text.decode())
