"""The serial port of a relay: a command goes out whole and now, or never."""

from __future__ import annotations

import contextlib
import fcntl
import struct
import termios

from agent.gates.port import PortLostError, SerialPort


class RelayPort(SerialPort):
    """A port without a memory: what a relay gets late would be meant for another part."""

    def send(self, data: bytes) -> None:
        """Send a command. Raises PortLostError when it cannot go out whole and at once."""
        if self.unsent_bytes:
            self._give_up()
        self.write(data)
        if self._unsent:
            self._give_up()

    @property
    def unsent_bytes(self) -> int:
        """How many bytes the system still holds back."""
        try:
            told = fcntl.ioctl(self._fd, termios.TIOCOUTQ, bytes(4))
        except OSError:
            return 0
        return int(struct.unpack("i", told)[0])

    def forget(self) -> None:
        """Throw away all that has not gone out, or not been read; harmless when closed."""
        self._unsent = b""
        if self.is_open:
            # termios.error is no OSError, and comes from a port that is gone.
            with contextlib.suppress(OSError, termios.error):
                termios.tcflush(self._fd, termios.TCIOFLUSH)

    def _give_up(self) -> None:
        self.forget()
        raise PortLostError(f"{self.name} takes no more bytes: the line is blocked")
