"""The port of a relay: a command goes out whole and at once, or never."""

from __future__ import annotations

import os
import select
import struct
import termios
import tty

import pytest

from agent.gates.port import PortLostError
from agent.gates.relay_port import RelayPort


@pytest.fixture
def pty_pair():
    """Return the master's descriptor and an open port on its pty."""
    master, slave = os.openpty()
    tty.setraw(slave)
    port = RelayPort(os.ttyname(slave), 9600)
    os.close(slave)
    os.set_blocking(master, False)
    port.open()
    yield master, port
    port.close()
    os.close(master)


def flood(port):
    """Send until the line takes no more."""
    for _ in range(100_000):
        port.send(bytes(8))


def drain(master):
    """Read all that has got through."""
    while select.select([master], [], [], 0)[0]:
        os.read(master, 65536)


def test_a_command_that_does_not_fit_is_given_up_and_never_sent_later(pty_pair):
    """Whoever reads again gets no command that was meant for a part of long ago."""
    master, port = pty_pair
    with pytest.raises(PortLostError, match="takes no more bytes"):
        flood(port)
    drain(master)
    port.send(b"now")
    assert os.read(master, 100) == b"now"


def test_bytes_that_the_system_holds_back_are_a_blocked_line(pty_pair, monkeypatch):
    """The kernel took the last command and could not send it: the next one would queue up."""
    master, port = pty_pair
    asked = []

    def held_back(_fd, request, _data):
        asked.append(request)
        return struct.pack("i", 3)

    monkeypatch.setattr("agent.gates.relay_port.fcntl.ioctl", held_back)
    with pytest.raises(PortLostError, match="takes no more bytes"):
        port.send(b"x")
    assert asked == [termios.TIOCOUTQ]
    with pytest.raises(BlockingIOError):
        os.read(master, 1)


def test_a_port_that_does_not_count_is_taken_as_empty(pty_pair, monkeypatch):
    """Some drivers cannot tell; what does not go out is then found by the missing answer."""

    def refuse(*_arguments):
        raise OSError(25, "no")

    monkeypatch.setattr("agent.gates.relay_port.fcntl.ioctl", refuse)
    assert pty_pair[1].unsent_bytes == 0


def test_forget_is_harmless_on_a_closed_or_lost_port(pty_pair):
    """It runs on the way out, whatever state the port is in."""
    _master, port = pty_pair
    port.forget()
    port.close()
    port.forget()
