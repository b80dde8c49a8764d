"""A pty behind a link of a fixed name: the simulated controller's end of the serial cable."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import tty
from pathlib import Path

_TIOCGPTN = 0x80045430
_TIOCSPTLCK = 0x40045431
_READ_BYTES = 65536


class Cable:
    """The master side. Whenever the host hangs up it is plugged anew, under another number.

    A new pty has no stale bytes, and nothing left of the hung-up host's TIOCEXCL, which would
    otherwise keep every other user out of a pty for good.
    """

    def __init__(self, link: Path) -> None:
        self._link = link
        self._fd: int | None = None

    @property
    def fd(self) -> int | None:
        """Return the descriptor to wait on; None while the cable is pulled."""
        return self._fd

    def plug(self) -> None:
        """Make a raw pty and let the link point to it."""
        fd = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        fcntl.ioctl(fd, _TIOCSPTLCK, struct.pack("i", 0))
        number = struct.unpack("I", fcntl.ioctl(fd, _TIOCGPTN, bytes(4)))[0]
        # Raw before anybody opens it: a line that echoes would look like a controller's.
        tty.setraw(fd, termios.TCSANOW)
        fresh = self._link.with_name(f"{self._link.name}.{number}")
        fresh.symlink_to(f"/dev/pts/{number}")
        fresh.replace(self._link)
        old, self._fd = self._fd, fd
        if old is not None:
            os.close(old)

    def unplug(self) -> None:
        """Close the pty and take the link away."""
        fd, self._fd = self._fd, None
        if fd is not None:
            self._link.unlink(missing_ok=True)
            os.close(fd)

    def read(self) -> bytes:
        """Return what the host has sent, which may be nothing."""
        if self._fd is None:
            return b""
        try:
            return os.read(self._fd, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:  # EIO: the host has closed its side
            self.plug()
            return b""

    def write(self, data: bytes) -> None:
        """Send bytes; what the line does not take is lost, as on a wire."""
        if self._fd is not None and data:
            with contextlib.suppress(OSError):
                os.write(self._fd, data)
