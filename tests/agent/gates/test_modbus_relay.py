"""The Modbus relay against a simulated board on a real pty: one pulse a part, ended by it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from gate_process import CLOCK, Host
from relay_board import RelayBoard
from relay_rig import MS, ROOMY_PULSE, ROOMY_TIMING, HandSource, section_for

from agent.errors import GateError
from agent.gates import modbus_frame
from agent.gates.bookings import Pace
from agent.gates.host_timed import HostTimedGate
from agent.gates.modbus import ModbusRelay
from agent.gates.port import PortLostError
from agent.gates.relay import Stroke
from agent.records import GateNotice

KILLED = """
import sys
from agent.config import gate as config_gate
from agent.clock import SystemClock
from agent.gates.modbus import ModbusRelay
from agent.gates.port import PortLostError
from agent.gates.relay import Stroke
section = config_gate.ModbusGate(driver="modbus", port=sys.argv[1])
relay, clock = ModbusRelay(section), SystemClock()
relay.open(clock.now_ns())
while not relay.ready:
    relay.serve(clock.now_ns(), None)
relay.pulse(Stroke((1,), 500, 2**62), clock.now_ns())
print("pulse", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def board(tmp_path):
    """Return a good board on a pty."""
    with RelayBoard(tmp_path) as board:
        yield board


@pytest.fixture
def make_gate(board):
    """Return a maker of gates on the board, which are closed in the end."""
    made = []

    def make():
        section = section_for("modbus", board.link, **ROOMY_PULSE)
        gate = HostTimedGate(
            ModbusRelay(section), HandSource(), Pace.of(ROOMY_TIMING, section), CLOCK
        )
        made.append(gate)
        return gate

    yield make
    for gate in made:
        gate.close()


def part(gate):
    """Let a part come now."""
    gate._source.moments.append(CLOCK.now_ns())


def texts(host, kind):
    """Return what the notices of a kind say."""
    return [e.text for e in host.events if isinstance(e, GateNotice) and e.kind == kind]


def test_each_part_that_may_pass_gets_one_flash_which_the_board_ends(board, make_gate):
    """One frame on the wire and one pulse of the coil, in the part's window; no more."""
    gate = make_gate()
    gate.open()
    host = Host(gate, allow=lambda trigger: trigger.part != 2)
    for count in range(1, 4):
        part(gate)
        host.serve(lambda count=count: len(host.outcomes) == count)
    assert [host.outcomes[key] for key in sorted(host.outcomes)] == ["passed", "rejected", "passed"]
    host.serve(lambda: not board.on)
    assert len(board.flashes()) == len(board.pulses()) == 2
    assert all(end - begin >= 300 * MS for begin, end in board.pulses())


def test_the_coil_is_off_at_open(board, make_gate):
    """The first word is `off`, so a coil that another program left on does not pass."""
    board.on = True
    make_gate().open()
    assert not board.on
    assert board.frames[0][1] == modbus_frame.switch_off(1, 0)


def test_close_ends_a_pulse_that_is_on(board, wait_until):
    """A pulse of a minute is over at once."""
    relay = ModbusRelay(section_for("modbus", board.link))
    relay.open(CLOCK.now_ns())
    relay.pulse(Stroke((1,), 60_000, 2**62), CLOCK.now_ns())
    wait_until(lambda: board.on)
    relay.close()
    wait_until(lambda: not board.on)


def test_after_kill_9_the_board_ends_the_pulse(board, wait_until):
    """The process dies in the middle of its pulse; the coil goes off on time."""
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(board.link)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout.readline() == b"pulse\n"
        wait_until(lambda: board.on)
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    wait_until(lambda: not board.on)
    begin, end = board.pulses()[-1]
    assert end - begin >= 500 * MS
    assert len(board.flashes()) == 1


@pytest.mark.parametrize(
    ("mood", "words"),
    [
        ("dead", "no answer within 300 ms: check the board's power"),
        ("silent", "no answer within 300 ms"),
        ("garbled", "wrong checksum|only .* came"),
        ("foreign", "answers to something else|only .* came"),
        ("refusing", "the board refuses: it knows no such command"),
        ("echo", "switch the adapter's echo off"),
        ("stuck", "the relay is on although nothing has asked for it"),
    ],
)
def test_a_board_that_cannot_be_trusted_is_refused_at_open(board, make_gate, mood, words):
    """In a sentence that says what to look at; no pulse is ever sent to it."""
    board.mood = mood
    gate = make_gate()
    with pytest.raises(GateError, match=words):
        gate.open()
    assert board.flashes() == []


@pytest.mark.parametrize("mood", ["dead", "silent", "garbled", "foreign", "refusing", "echo"])
def test_a_pulse_without_a_good_answer_is_told_and_never_repeated(board, make_gate, mood):
    """Its outcome is unknown (an echo looks like the answer); the next part is not passed."""
    gate = make_gate()
    gate.open()
    host = Host(gate)
    part(gate)
    host.serve(lambda: len(host.rows) == 1)
    board.mood = mood
    host.serve(lambda: len(host.outcomes) == 1 and "gate_lost" in host.notices)
    part(gate)
    host.serve(lambda: len(host.outcomes) == 2)
    first, second = (host.outcomes[key] for key in sorted(host.outcomes))
    # The question between the parts may have found it out before the pulse was due.
    assert first in ({"passed", "fault"} if mood == "echo" else {"unknown", "fault"})
    assert second == "rejected"
    assert len(board.flashes()) <= 1
    assert texts(host, "gate_fault")
    board.mood = "good"
    host.serve(lambda: host.notices[-1] == "gate_back")


def test_a_pulled_cable_rejects_and_the_port_is_found_again_under_its_name(board, make_gate):
    """The new port has another number; the coil is switched off before parts can pass again."""
    gate = make_gate()
    gate.open()
    host = Host(gate)
    host.serve(lambda: "gate_back" in host.notices)
    board.cut()
    host.serve(lambda: "gate_lost" in host.notices)
    part(gate)
    host.serve(lambda: len(host.outcomes) == 1)
    assert set(host.outcomes.values()) == {"rejected"}
    board.on = True  # it browned out, and came back as it liked
    board.plug()
    host.serve(lambda: host.notices[-1] == "gate_back")
    assert not board.on
    part(gate)
    host.serve(lambda: len(host.outcomes) == 2)
    assert sorted(host.outcomes.values()) == ["passed", "rejected"]


def test_stray_bytes_are_no_answer(board, make_gate):
    """Noise between two exchanges is dropped, and the next pulse is judged by its own answer."""
    gate = make_gate()
    gate.open()
    host = Host(gate)
    part(gate)
    host.serve(lambda: len(host.rows) == 1)
    board.inject(b"\x01\x05\x00")
    host.serve(lambda: len(host.outcomes) == 1)
    assert set(host.outcomes.values()) <= {"passed", "unknown", "fault"}
    assert len(board.flashes()) <= 1


def test_a_second_program_is_kept_out(board, make_gate):
    """The port is ours alone, and who has it is named."""
    make_gate().open()
    with pytest.raises(GateError, match="is taken"):
        make_gate().open()


def test_close_on_a_blocked_line_is_no_error(board, monkeypatch):
    """Nothing is left to send later, and the port is let go; the board ends the pulse itself."""

    def block(_port, _data):
        raise PortLostError("blocked")

    relay = ModbusRelay(section_for("modbus", board.link))
    relay.open(CLOCK.now_ns())
    monkeypatch.setattr("agent.gates.modbus.RelayPort.send", block)
    relay.close()
    assert not relay.is_open


def test_a_pulse_that_overtakes_another_s_answer_leaves_that_one_unknown(board):
    """One request at a time: the answer to the first could not be told from the second's."""
    relay = ModbusRelay(section_for("modbus", board.link))
    relay.open(CLOCK.now_ns())
    first, second = Stroke((1,), 100, 2**62), Stroke((2,), 100, 2**62)
    relay.pulse(first, CLOCK.now_ns())
    relay.pulse(second, CLOCK.now_ns())
    assert relay.due_ns == 0, "it has something to tell"
    answer = relay.serve(CLOCK.now_ns(), None)[0]
    assert (answer.stroke, answer.done) == (first, None)
    assert "lower gate.reply_ms" in answer.text
    relay.close()
