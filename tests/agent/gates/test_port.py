"""The serial port on real ptys: ours alone, never blocking, lost without surprise."""

from __future__ import annotations

import errno
import fcntl
import os
import termios
import tty

import pytest
import serial

from agent.errors import GateError
from agent.gates.port import PortLostError, SerialPort


@pytest.fixture
def pty_pair():
    """Return the master's descriptor and the name of a raw pty."""
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)
    os.set_blocking(master, False)
    ends = [master]
    yield ends, name
    for end in ends:
        os.close(end)


@pytest.fixture
def port(pty_pair):
    """Return an open port on the pty."""
    port = SerialPort(pty_pair[1], 115200)
    port.open()
    yield port
    port.close()


def test_bytes_go_both_ways_unchanged(pty_pair, port):
    """All byte values pass, and an empty line is no fault."""
    assert port.read() == b""
    every = bytes(range(256))
    port.write(every)
    assert os.read(pty_pair[0][0], 1000) == every
    os.write(pty_pair[0][0], every)
    assert port.read() == every
    assert port.read() == b""


def test_a_pulled_cable_is_told_by_reading_and_by_writing(pty_pair, port):
    """After the other end is gone both raise the same error, with the port's name."""
    os.close(pty_pair[0].pop())
    with pytest.raises(PortLostError, match=pty_pair[1]):
        port.read()
    with pytest.raises(PortLostError, match=pty_pair[1]):
        port.write(b"x")


def test_a_blocked_line_never_blocks_us(pty_pair, port):
    """Nobody reads: writing returns at once, and gives up when too much is unsent."""
    while len(port._unsent) < 4000:
        port.write(bytes(100))
    with pytest.raises(PortLostError, match="takes no more"):
        port.write(bytes(100))


def test_what_did_not_fit_is_sent_later_and_whole(pty_pair, port):
    """No frame is cut by a full buffer."""
    sent = b""
    while not port._unsent:
        piece = os.urandom(1000)
        port.write(piece)
        sent += piece
    got = b""
    while len(got) < len(sent):
        got += os.read(pty_pair[0][0], 65536)
        port.write(b"")
    assert got == sent


def test_a_missing_port_is_named_with_what_to_do(tmp_path):
    """One sentence: which port, and where to look for the right name."""
    port = SerialPort(str(tmp_path / "ttyUSB7"), 115200)
    with pytest.raises(GateError, match=r"no serial port .*ttyUSB7.*/dev/serial/by-id"):
        port.open()
    assert not port.is_open


def test_a_file_is_no_serial_port(tmp_path):
    """Something that is no terminal is refused."""
    (tmp_path / "file").write_text("")
    with pytest.raises(GateError, match="cannot be used as a serial port"):
        SerialPort(str(tmp_path / "file"), 115200).open()


def test_a_taken_port_is_refused_and_its_owner_named(pty_pair, port):
    """The second opener hears who has it; when the first lets go it is free."""
    second = SerialPort(pty_pair[1], 115200)
    with pytest.raises(GateError, match=rf"taken by .*process {os.getpid()}\)"):
        second.open()
    port.close()
    port.close()
    second.open()
    second.close()


def test_a_closed_port_is_lost_not_a_crash(pty_pair):
    """Reading or writing before opening says that it is not open."""
    port = SerialPort(pty_pair[1], 115200)
    for use in (port.read, lambda: port.write(b"x")):
        with pytest.raises(PortLostError, match="not open"):
            use()


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "group dialout"),
        (errno.EPERM, "DeviceAllow="),
        (errno.EBUSY, "is taken: stop"),
        (errno.EIO, "there is no serial port"),
        (errno.EINVAL, "cannot be used"),
    ],
)
def test_each_reason_has_its_sentence(tmp_path, monkeypatch, number, words):
    """What the system says is turned into what the technician can do."""

    def refuse(*_arguments, **_options):
        raise serial.SerialException(number, "no")

    monkeypatch.setattr(serial, "Serial", refuse)
    with pytest.raises(GateError, match=words):
        SerialPort(str(tmp_path / "gate"), 115200).open()


def test_a_port_that_cannot_be_ours_alone_is_let_go(pty_pair, monkeypatch):
    """Without TIOCEXCL there is no port, and nothing stays open."""

    def refuse(*_arguments):
        raise OSError(errno.ENOTTY, "no")

    port = SerialPort(pty_pair[1], 115200)
    monkeypatch.setattr("agent.gates.port.fcntl.ioctl", refuse)
    with pytest.raises(GateError, match="for this program alone"):
        port.open()
    monkeypatch.undo()
    assert not port.is_open
    port.open()
    port.close()


def test_a_port_that_hangs_up_before_it_is_ours_alone_is_lost(pty_pair, monkeypatch):
    """Between the open and the request for it alone: it is tried again, and nothing stays open."""
    real = fcntl.ioctl

    def hang_up(descriptor, request, *rest):
        if request == termios.TIOCEXCL:
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, request, *rest)

    port = SerialPort(pty_pair[1], 115200)
    monkeypatch.setattr("agent.gates.port.fcntl.ioctl", hang_up)
    with pytest.raises(PortLostError, match="went away while it was opened"):
        port.open()
    monkeypatch.undo()
    port.open()
    port.close()


def test_a_read_that_fails_is_a_lost_port(pty_pair, port, monkeypatch):
    """EIO in reading is the same loss as an empty read."""

    def fail(*_arguments):
        raise OSError(errno.EIO, "Input/output error")

    os.write(pty_pair[0][0], b"x")
    monkeypatch.setattr("agent.gates.port.os.read", fail)
    with pytest.raises(PortLostError, match="Input/output error"):
        port.read()


def test_a_port_that_goes_away_while_it_is_opened_is_lost(monkeypatch):
    """Pyserial lets a termios.error out, which is no OSError: it must not end the lane."""

    def vanish(*_, **__):
        raise termios.error(5, "Input/output error")

    monkeypatch.setattr("agent.gates.port.serial.Serial", vanish)
    with pytest.raises(PortLostError, match="went away"):
        SerialPort("/dev/x", 9600).open()
