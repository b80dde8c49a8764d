"""RTS and DTR: a line that stands still rejects; the port's system calls are recorded, not made."""

from __future__ import annotations

import fcntl
import itertools
import struct
import termios

import pytest
from pydantic import ValidationError
from relay_rig import MS, RecordingPort, section_for

from agent.clock import ManualClock
from agent.config.gate import LineGate
from agent.errors import GateError
from agent.gates import line
from agent.gates.line import LineRelay, ModemPort
from agent.gates.port import PortLostError
from agent.gates.relay import Stroke

STROKE = Stroke((1,), 100, 2**62)


@pytest.fixture
def clock():
    """Return a clock that is moved by hand."""
    return ManualClock(1_000 * MS)


@pytest.fixture
def port(clock):
    """Return a port that records."""
    return RecordingPort(clock)


@pytest.fixture
def relay(port, clock):
    """Return an open relay on it."""
    relay = LineRelay(section_for("line", "x"), port)
    relay.open(clock.now_ns())
    return relay


def run(relay, clock, for_ms):
    """Serve every millisecond for so long."""
    answers = []
    for _ in range(for_ms):
        clock.advance(MS)
        answers += relay.serve(clock.now_ns(), None)
    return answers


def test_no_wiring_but_a_watched_toggle_may_pass():
    """A steady line rejects, up or down, so there is no other way to wire it."""
    with pytest.raises(ValidationError, match="energise_to_pass"):
        LineGate(driver="line", port="x", wiring="energise_to_reject")


def test_a_pulse_is_a_row_of_changes_and_ends_up(relay, port, clock):
    """A change every 5 ms for 100 ms; before and after the line stands up."""
    relay.pulse(STROKE, clock.now_ns())
    answers = run(relay, clock, 300)
    assert [answer.done for answer in answers] == [True]
    times = [at_ns for at_ns, _up in port.changes[1:]]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == ([5 * MS] * 20)
    assert [up for _at, up in port.changes[:4]] == [True, False, True, False]
    assert port.changes[-1][1] is True
    assert times[-1] - times[0] == 100 * MS


def test_a_process_that_stands_still_lets_the_line_stand_still(relay, port, clock):
    """No change is made up for afterwards: one serve after a stall moves the line once."""
    relay.pulse(STROKE, clock.now_ns())
    run(relay, clock, 20)
    before = len(port.changes)
    clock.advance(40 * MS)
    relay.serve(clock.now_ns(), None)
    assert len(port.changes) == before + 1
    clock.advance(1_000 * MS)
    relay.serve(clock.now_ns(), None)
    run(relay, clock, 50)
    assert len(port.changes) == before + 2
    assert port.changes[-1][1] is True


def test_open_and_close_do_not_toggle(port, clock, relay):
    """The line stands up all the time, as the kernel puts it at open."""
    relay.close()
    relay.open(clock.now_ns())
    relay.close()
    assert {up for _at, up in port.changes} == {True}


def test_close_in_a_pulse_stops_the_toggling(relay, port, clock):
    """The line is left standing up."""
    relay.pulse(STROKE, clock.now_ns())
    run(relay, clock, 2)
    relay.close()
    assert port.changes[-1][1] is True
    assert not relay.ready
    assert relay.due_ns is None


def test_a_lost_port_is_told_and_closed_without_a_word(relay, port, clock):
    """Hot unplug: the error goes up, and the relay can be opened again."""
    relay.pulse(STROKE, clock.now_ns())
    port.lost = True
    with pytest.raises(PortLostError):
        relay.serve(clock.now_ns(), None)
    relay.close(lost=True)
    port.lost = False
    relay.open(clock.now_ns())
    assert relay.serve(clock.now_ns(), None) == []


class Calls:
    """Records the system calls that a real port would get."""

    def __init__(self, monkeypatch):
        self.made = []
        self.modes = [0, 0, termios.HUPCL | termios.CREAD, 0, 0, 0, []]
        self.fail = set()
        monkeypatch.setattr(line.SerialPort, "open", lambda port: self.made.append("open"))
        monkeypatch.setattr(line.SerialPort, "close", lambda port: self.made.append("close"))
        monkeypatch.setattr(line.SerialPort, "_fd", 99)
        monkeypatch.setattr(fcntl, "ioctl", self._ioctl)
        monkeypatch.setattr(termios, "tcgetattr", lambda fd: self.modes)
        monkeypatch.setattr(
            termios, "tcsetattr", lambda fd, when, modes: self.made.append(modes[2])
        )

    def _ioctl(self, fd, request, data):
        if request in self.fail:
            raise OSError(25, "Inappropriate ioctl for device")
        self.made.append((request, struct.unpack("I", data)[0]))
        return data


@pytest.mark.parametrize(("name", "bit"), [("rts", termios.TIOCM_RTS), ("dtr", termios.TIOCM_DTR)])
def test_the_real_port_clears_hupcl_and_moves_one_line_only(monkeypatch, name, bit):
    """Without HUPCL the last close, and so a kill, leaves the line as it is."""
    calls = Calls(monkeypatch)
    port = ModemPort("/dev/ttyUSB9", name)
    port.open()
    assert calls.made[-1] == termios.CREAD
    port.set_line(up=True)
    port.set_line(up=False)
    assert calls.made[-2:] == [(termios.TIOCMBIS, bit), (termios.TIOCMBIC, bit)]


def test_a_port_without_modem_lines_is_refused_and_let_go(monkeypatch):
    """A pty has none, and neither have some adapters: said at open, in a sentence."""
    calls = Calls(monkeypatch)
    calls.fail = {termios.TIOCMGET}
    with pytest.raises(GateError, match="has no RTS and DTR lines"):
        ModemPort("/dev/ttyUSB9", "rts").open()
    assert calls.made[-1] == "close"


def test_a_line_that_cannot_be_set_is_a_lost_port(monkeypatch):
    """The adapter was unplugged."""
    calls = Calls(monkeypatch)
    calls.fail = {termios.TIOCMBIS}
    with pytest.raises(PortLostError, match="ttyUSB9 is gone"):
        ModemPort("/dev/ttyUSB9", "rts").set_line(up=True)
