"""The serial port: opened for us alone, never waited for, lost without surprise."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import termios

import serial

from agent.errors import GateError
from agent.port_owner import port_owner

_READ_BYTES = 65536
# More than this unsent means that nobody takes anything at the other end.
_MAX_UNSENT = 4096
_TAKEN = (errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK)


class PortLostError(GateError):
    """The port was open and is gone."""


class SerialPort:
    """One serial port. pyserial sets it up; bytes go by plain non-blocking reads and writes.

    (pyserial's own `write` spins when it may not block, and forgets what it has sent when it
    times out.)
    """

    def __init__(self, name: str, baud: int) -> None:
        self.name = name
        self._baud = baud
        self._serial: serial.Serial | None = None
        self._unsent = b""

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._serial is not None

    def open(self) -> None:
        """Open the port for this process alone.

        Raises PortLostError when it went away meanwhile, else GateError.
        """
        try:
            port = serial.Serial(self.name, self._baud, timeout=0, write_timeout=0, exclusive=True)
        except termios.error as error:  # pyserial lets this one out, and it is no OSError
            raise PortLostError(f"{self.name} went away while it was opened") from error
        except (OSError, ValueError) as error:
            raise GateError(self._why_not(error)) from error
        try:
            # flock stops only those who ask for it; this stops every plain open but root's.
            fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
        except OSError as error:
            port.close()
            if error.errno == errno.EIO:  # hung up between the open and the request
                raise PortLostError(f"{self.name} went away while it was opened") from error
            raise GateError(f"cannot have {self.name} for this program alone: {error}") from error
        self._serial, self._unsent = port, b""

    def read(self) -> bytes:
        """Return what has come in, which may be nothing. Raises PortLostError."""
        poller = select.poll()
        poller.register(self._fd, select.POLLIN)
        if not poller.poll(0):
            return b""
        try:
            data = os.read(self._fd, _READ_BYTES)
        except OSError as error:
            raise PortLostError(f"{self.name} is gone: {error.strerror}") from error
        if not data:  # readable and yet empty: that is how a terminal hangs up
            raise PortLostError(f"{self.name} is gone: it was unplugged")
        return data

    def write(self, data: bytes) -> None:
        """Send bytes; what the port does not take now goes first next time.

        Raises PortLostError when the other end takes nothing any more.
        """
        self._unsent += data
        try:
            sent = os.write(self._fd, self._unsent) if self._unsent else 0
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise PortLostError(f"{self.name} is gone: {error.strerror}") from error
        self._unsent = self._unsent[sent:]
        if len(self._unsent) > _MAX_UNSENT:
            raise PortLostError(f"{self.name} takes no more bytes: the line is blocked")

    def watch(self, poller: select.poll) -> None:
        """Let a poller wake up when there is something to read, or room to write."""
        poller.register(self._fd, select.POLLIN | (select.POLLOUT if self._unsent else 0))

    def close(self) -> None:
        """Let go of the port; harmless when it is not open."""
        port, self._serial = self._serial, None
        if port is not None:
            with contextlib.suppress(OSError):
                fcntl.ioctl(port.fileno(), termios.TIOCNXCL)
            with contextlib.suppress(OSError):
                port.close()

    @property
    def _fd(self) -> int:
        if self._serial is None:
            raise PortLostError(f"{self.name} is not open")
        return int(self._serial.fileno())

    def _why_not(self, error: OSError | ValueError) -> str:
        number = getattr(error, "errno", None)
        if number in (errno.ENOENT, errno.ENODEV, errno.ENXIO, errno.EIO):
            return (
                f"there is no serial port {self.name}: plug the gate controller in, or set "
                "gate.port to a name that `ls /dev/serial/by-id` shows"
            )
        if number in _TAKEN:
            owner = port_owner(self.name)
            return f"serial port {self.name} is taken{owner}: stop the other program"
        if number == errno.EACCES:
            return f"no right to open {self.name}: add the user to the group dialout"
        if number == errno.EPERM:  # from the unit's device rules; wrong modes are EACCES
            return (
                f"the service may not open {self.name}: its unit needs a DeviceAllow= for this "
                "kind of device (`systemctl edit linewarden`), then a restart"
            )
        return f"{self.name} cannot be used as a serial port: {error}"
