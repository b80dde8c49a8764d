"""The cheap USB relay: its bytes, a pulse that this host ends, and what a kill leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from gate_process import CLOCK
from pydantic import ValidationError
from relay_board import RelayBoard
from relay_rig import MS, section_for

from agent.config.gate import LcusGate
from agent.gates.lcus import REPEAT_EVERY_NS, LcusRelay, frame
from agent.gates.port import PortLostError
from agent.gates.relay import Stroke

STROKE = Stroke((1,), 100, 2**62)
KILLED = """
import sys
from agent.config import gate as config_gate
from agent.gates.lcus import LcusRelay
from agent.gates.relay import Stroke
held, pulse = sys.argv[2] == "held", sys.argv[3] == "pulse"
relay = LcusRelay(config_gate.LcusGate(driver="lcus", port=sys.argv[1], held=held))
relay.open(0)
if pulse:
    relay.pulse(Stroke((1,), 100, 2**62), 0)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def board(tmp_path):
    """Return a good board on a pty."""
    with RelayBoard(tmp_path, "lcus") as board:
        yield board


@pytest.fixture
def make_relay(board):
    """Return a maker of relays on the board."""
    made = []

    def make(**options):
        relay = LcusRelay(section_for("lcus", board.link, **options))
        relay.open(CLOCK.now_ns())
        made.append(relay)
        return relay

    yield make
    for relay in made:
        relay.close()


def test_the_commands_are_those_of_the_boards():
    """On and off of the first and the last channel."""
    assert frame(1, on=True) == bytes.fromhex("A00101A2")
    assert frame(1, on=False) == bytes.fromhex("A00100A1")
    assert frame(8, on=True) == bytes.fromhex("A00801A9")


def test_no_pulse_of_it_may_pass():
    """Nothing but the host would end it: the wiring is refused."""
    with pytest.raises(ValidationError, match="energise_to_reject"):
        LcusGate(driver="lcus", port="x", wiring="energise_to_pass")


def test_a_pulse_is_ended_by_serve_and_by_nothing_else(board, make_relay, wait_until):
    """On at `pulse`, off at the first `serve` after its time, answered once."""
    relay = make_relay()
    relay.pulse(STROKE, 1_000 * MS)
    wait_until(lambda: board.on)
    answers = relay.serve(1_001 * MS, None)
    assert [(answer.stroke, answer.done) for answer in answers] == [(STROKE, True)]
    assert relay.due_ns == 1_100 * MS
    assert relay.serve(1_099 * MS, None) == []
    assert board.on
    relay.serve(1_100 * MS, None)
    wait_until(lambda: not board.on)


def test_a_second_pulse_makes_the_first_longer(board, make_relay, wait_until):
    """Two parts to be diverted in a row: the relay stays on for both."""
    relay = make_relay()
    relay.pulse(STROKE, 1_000 * MS)
    relay.pulse(STROKE, 1_050 * MS)
    assert len(relay.serve(1_100 * MS, None)) == 2
    assert relay.due_ns == 1_150 * MS
    relay.serve(1_150 * MS, None)
    wait_until(lambda: not board.on and board.changes)
    assert len(board.pulses()) == 1


def test_a_held_output_is_on_at_rest_and_lets_go_to_pass(board, make_relay, wait_until):
    """Close leaves it on: the gate goes on diverting."""
    relay = make_relay(held=True)
    wait_until(lambda: board.on)
    relay.pulse(STROKE, 1_000 * MS)
    wait_until(lambda: not board.on)
    relay.close()
    wait_until(lambda: board.on)


@pytest.mark.parametrize(
    ("held", "pulse", "on"),
    [("held", "rest", True), ("held", "pulse", False), ("plain", "rest", False)],
)
def test_a_kill_leaves_the_relay_as_it_is(board, wait_until, held, pulse, on):
    """Only a held output outside of a pulse goes on diverting: hence the warning in the docs."""
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(board.link), held, pulse],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert child.stdout.readline() == b"ready\n"
        wait_until(lambda: len(board.frames) == (2 if pulse == "pulse" else 1))
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    board.inject(b"")
    assert board.on is on


def test_the_level_is_told_again_and_a_pulled_cable_found(board, make_relay, wait_until):
    """At rest once a second; it changes nothing."""
    relay = make_relay()
    begin = relay.due_ns
    relay.serve(begin, None)
    wait_until(lambda: len(board.frames) == 2)
    assert relay.due_ns == begin + REPEAT_EVERY_NS
    assert board.changes == []
    board.cut()
    with pytest.raises(PortLostError):
        relay.serve(begin + 1, None)
    relay.close(lost=True)
    assert not relay.ready


def test_what_a_board_says_is_not_obeyed(board, make_relay, wait_until):
    """Some answer with their states; it is read, so that no buffer fills, and dropped."""
    relay = make_relay()
    board.inject(b"\x01\x00\x01\x00")
    assert relay.serve(CLOCK.now_ns(), None) == []


def test_close_on_a_blocked_line_is_no_error(board, make_relay, monkeypatch):
    """Nothing is left to send later, and the port is let go."""

    def block(_port, _data):
        raise PortLostError("blocked")

    relay = make_relay()
    monkeypatch.setattr("agent.gates.lcus.RelayPort.send", block)
    relay.close()
    assert not relay.is_open
