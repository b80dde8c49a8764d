"""Opening gate driver `controller`: the right device or one sentence."""

from __future__ import annotations

import os
import select
import threading
import tty

import pytest
from gate_process import CLOCK, SECOND, TIMING, GateProcess, Host

from agent.clock import ManualClock
from agent.config import gate as config_gate
from agent.errors import GateError
from agent.gates.clocksync import ClockSync
from agent.gates.controller import OPEN_WITHIN_NS, ControllerGate
from agent.gates.port import PortLostError, SerialPort
from agent.gates.session import Stage


def driver(port, clock=CLOCK):
    """Return a driver for a port, not open."""
    section = config_gate.ControllerGate(driver="controller", port=str(port))
    return ControllerGate(section, TIMING, clock)


class Device:
    """Something on a pty that is no gate controller: it answers each piece by a function."""

    def __init__(self, answer):
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.name = os.ttyname(slave)
        self._slave = slave
        self._answer = answer
        self._stop_read, self._stop_write = os.pipe()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        os.write(self._stop_write, b"x")
        self._thread.join()
        for fd in (self.master, self._slave, self._stop_read, self._stop_write):
            os.close(fd)

    def _run(self):
        while True:
            ready = select.select([self.master, self._stop_read], [], [])[0]
            if self._stop_read in ready:
                return
            os.write(self.master, self._answer(os.read(self.master, 4096)))


def start_soon(**options):
    """Return the options of a belt which begins when the handshake is over."""
    return {"rate": 15, "jitter": 0.2, "start_ns": CLOCK.now_ns() + 2 * SECOND, **options}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda data: data, "straight back"),
        (lambda _data: b"$GPGGA,123519,4807.038,N,01131.000,E\r\n\0", "no gate controller"),
        (lambda _data: b"", "nothing answers"),
    ],
    ids=["echo", "GPS", "silence"],
)
def test_a_wrong_device_is_refused_in_one_sentence(answer, words):
    """An echo, another device, silence: each is told apart, with the port's name."""
    with Device(answer) as device:
        gate = driver(device.name)
        with pytest.raises(GateError, match=rf"{device.name}.*{words}"):
            gate.open()
        gate.close()


def test_a_missing_port_is_refused_at_once_and_found_later(tmp_path):
    """`open` is strict, `poll` is patient: the gate is told lost once and comes back by itself."""
    gate = driver(tmp_path / "gate")
    with pytest.raises(GateError, match=r"gate.port"):
        gate.open()
    host = Host(gate)
    host.serve(lambda: host.notices == ["gate_lost"])
    with GateProcess(tmp_path):
        host.serve(lambda: host.notices == ["gate_lost", "gate_back"])
    gate.close()


def test_a_taken_port_is_refused(tmp_path):
    """A second program cannot have the port; the first one is not disturbed."""
    with GateProcess(tmp_path, **start_soon()) as process:
        first, second = driver(process.link), driver(process.link)
        first.open()
        with pytest.raises(GateError, match="taken by"):
            second.open()
        host = Host(first)
        host.serve(lambda: host.passed)
        second.close()
        first.close()


def test_a_gate_lost_while_it_is_opened_is_refused():
    """The port goes away in the middle of the handshake and stays away: one sentence."""
    with Device(lambda _data: b"") as device:
        gate = driver(device.name)
        gate._begin()
        gate._port.name = "/dev/gone"
        gate._session.lost = "cut"
        with pytest.raises(GateError, match="no serial port /dev/gone"):
            gate.open()
        gate.close()


def test_opening_twice_is_opening_once(tmp_path):
    """A gate that is open stays as it is."""
    with GateProcess(tmp_path) as process:
        gate = driver(process.link)
        gate.open()
        session = gate._session
        gate.open()
        assert gate._session is session
        gate.close()


def test_a_controller_that_is_not_in_step_yet_is_no_fault(tmp_path, monkeypatch):
    """It has agreed: `open` is content, nothing passes, and `gate_back` comes once it is."""
    with GateProcess(tmp_path) as process:
        gate = driver(process.link)
        host = Host(gate)
        monkeypatch.setattr(ClockSync, "in_step", lambda *_: False)
        host.serve(lambda: gate._session is not None and gate._session.stage is Stage.RUNNING)
        monkeypatch.setattr("agent.gates.controller.OPEN_WITHIN_NS", 0)  # the 3 s are over
        gate.open()
        assert "gate_back" not in host.notices
        monkeypatch.undo()
        host.serve(lambda: "gate_back" in host.notices)
        gate.close()


def test_a_port_that_is_just_being_plugged_in_is_waited_for(tmp_path, monkeypatch):
    """It went away while it was opened, as a plug does that is pushed in; then it stays."""
    opening, tries = SerialPort.open, []

    def bounce(port):
        tries.append(port.name)
        if len(tries) < 3:
            raise PortLostError(f"{port.name} went away while it was opened")
        opening(port)

    monkeypatch.setattr(SerialPort, "open", bounce)
    with GateProcess(tmp_path) as process:
        gate = driver(process.link)
        gate.open()
        assert len(tries) == 3
        gate.close()


def test_a_port_that_never_stays_is_refused_in_time(monkeypatch):
    """After 3 s of it the technician hears so."""

    def bounce(port):
        raise PortLostError(f"{port.name} went away while it was opened")

    monkeypatch.setattr(SerialPort, "open", bounce)
    clock = ManualClock()
    gate = driver("/dev/ttyUSB7", clock)
    with pytest.raises(GateError, match="ttyUSB7 went away"):
        gate.open()
    assert OPEN_WITHIN_NS <= clock.now_ns() < 2 * OPEN_WITHIN_NS
    gate.close()
