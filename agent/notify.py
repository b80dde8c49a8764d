"""Tell systemd how the service is (sd_notify(3)); does nothing where systemd is not asking."""

from __future__ import annotations

import logging
import socket

logger = logging.getLogger("linewarden.notify")


class Notifier:
    """Writes to the datagram socket that systemd names in NOTIFY_SOCKET."""

    def __init__(self, address: str | None) -> None:
        # A leading @ stands for the abstract namespace (unix(7)).
        self._address = address.replace("@", "\0", 1) if address else ""

    def ready(self, status: str) -> None:
        """Say that the lanes run and the gate is in a defined state."""
        self._send(f"READY=1\nSTATUS={status}")

    def alive(self, status: str) -> None:
        """Feed the watchdog, with one line for the technician."""
        self._send(f"WATCHDOG=1\nSTATUS={status}")

    def stopping(self) -> None:
        """Say that the service is shutting down."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.connect(self._address)
                channel.send(text.encode())
        except OSError as error:
            logger.warning("systemd cannot be told: %s", error)
