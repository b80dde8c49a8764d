"""Relay `line`: RTS or DTR of a serial port, where only a toggling line passes a part."""

from __future__ import annotations

import contextlib
import fcntl
import select
import struct
import termios
from collections.abc import Sequence
from typing import Protocol

from agent.config.gate import LineGate
from agent.errors import GateError
from agent.gates.port import PortLostError, SerialPort
from agent.gates.relay import Answer, Stroke

_BAUD = 9600
_BITS = {"rts": termios.TIOCM_RTS, "dtr": termios.TIOCM_DTR}


class LinePort(Protocol):
    """A serial port whose modem-control line can be set; tests bring one that only records."""

    name: str

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        ...

    def open(self) -> None:
        """Open the port for this process alone. Raises GateError."""
        ...

    def read(self) -> bytes:
        """Return what has come in, which is of no interest. Raises PortLostError."""
        ...

    def set_line(self, *, up: bool) -> None:
        """Set the line. Raises PortLostError."""
        ...

    def watch(self, poller: select.poll) -> None:
        """Let a poller wake up when the port is lost."""
        ...

    def close(self) -> None:
        """Let go of the port, with the line as it is; harmless when it is not open."""
        ...


class ModemPort(SerialPort):
    """The line itself.

    The kernel raises both lines whenever a port is opened, before any program can say otherwise,
    and drops them at the last close, hence at a kill, unless HUPCL is cleared. So the line rests
    up, HUPCL is cleared, and neither open nor close nor kill moves it, once the port has been
    opened for the first time.
    """

    def __init__(self, name: str, line: str) -> None:
        super().__init__(name, _BAUD)
        self._bit = struct.pack("I", _BITS[line])

    def open(self) -> None:
        """Open the port for this process alone, without HUPCL. Raises GateError."""
        super().open()
        try:
            fcntl.ioctl(self._fd, termios.TIOCMGET, bytes(4))
            modes = termios.tcgetattr(self._fd)
            modes[2] &= ~termios.HUPCL
            termios.tcsetattr(self._fd, termios.TCSANOW, modes)
        except (OSError, termios.error) as error:
            self.close()
            raise GateError(f"{self.name} has no RTS and DTR lines: {error}") from error

    def set_line(self, *, up: bool) -> None:
        """Set the line. Raises PortLostError."""
        try:
            fcntl.ioctl(self._fd, termios.TIOCMBIS if up else termios.TIOCMBIC, self._bit)
        except OSError as error:
            raise PortLostError(f"{self.name} is gone: {error.strerror}") from error


class LineRelay:
    """A line that stands still rejects, up as well as down; a pulse is a row of changes.

    Nothing here outlasts the process: when it stalls or dies the line stands still, and the
    hardware that watches it (docs/gates.md) lets go of the gate.
    """

    def __init__(self, section: LineGate, port: LinePort | None = None) -> None:
        self._port = port or ModemPort(section.port, section.line)
        self._toggle_ns = round(section.toggle_ms * 1e6)
        self._answers: list[Answer] = []
        self._up = True
        self._next_ns: int | None = None
        self._end_ns = 0

    @property
    def name(self) -> str:
        """The port, for a technician."""
        return self._port.name

    @property
    def is_open(self) -> bool:
        """Whether the port is open."""
        return self._port.is_open

    @property
    def ready(self) -> bool:
        """Whether the port is open: more is not to be known."""
        return self._port.is_open

    @property
    def due_ns(self) -> int | None:
        """When the line has to change next."""
        return 0 if self._answers else self._next_ns

    def open(self, now_ns: int) -> None:
        """Open the port; the line stands up. Raises GateError."""
        self._port.open()
        self.rest(now_ns)

    def pulse(self, stroke: Stroke, now_ns: int) -> None:
        """Begin to toggle; `serve` goes on with it and ends it. Raises PortLostError."""
        self._end_ns = max(now_ns + stroke.length_ms * 1_000_000, self._end_ns)
        self._change(now_ns)
        self._answers.append(Answer(stroke, done=True))

    def rest(self, now_ns: int) -> None:
        """Let the line stand still, up. Raises PortLostError."""
        del now_ns
        self._next_ns, self._end_ns, self._up = None, 0, True
        self._port.set_line(up=True)

    def serve(self, now_ns: int, quiet_from_ns: int | None) -> Sequence[Answer]:
        """Change the line if it is time; a change that was missed is not made up for.

        Raises PortLostError.
        """
        del quiet_from_ns
        self._port.read()
        if self._next_ns is not None and now_ns >= self._next_ns:
            if now_ns >= self._end_ns:
                self.rest(now_ns)
            else:
                self._change(now_ns)
        answers, self._answers = self._answers, []
        return answers

    def watch(self, poller: select.poll) -> None:
        """Let a poller wake up when the port is lost."""
        self._port.watch(poller)

    def close(self, *, lost: bool = False) -> None:
        """Let the line stand still and let go of the port."""
        if self._port.is_open and not lost and self._next_ns is not None:
            with contextlib.suppress(PortLostError):
                self.rest(0)
        self._port.close()
        self._answers, self._next_ns, self._end_ns = [], None, 0

    def _change(self, now_ns: int) -> None:
        self._up = not self._up
        self._port.set_line(up=self._up)
        self._next_ns = min(now_ns + self._toggle_ns, max(self._end_ns, now_ns + 1))
