"""The belt's own record: a part has passed once the gate has shut behind it, and not before."""

from __future__ import annotations

from agent.sim.belt import Belt
from agent.sim.motion import Motion
from agent.sim.moving_witness import MovingWitness
from agent.sim.oscillator import Oscillator

MS = 1_000_000
# One part, at the photo-eye at 10 ms; at 1,000 ticks a second it is at the gate at 110 ms.
START_NS = 10 * MS
WAY_TICKS = 100
GATE_MS = 110


class ScriptedGate:
    """A gate that is open while its script says so of the time in ms and the encoder's count."""

    boot = 7
    deadline_us = ticks_to_go = None

    def __init__(self, is_open):
        self._is_open = is_open
        self.open_for = None

    def belt(self, now_us, count):
        """Take time and place."""
        self.open_for = 1 if self._is_open(now_us / 1000, count) else None

    def eye(self, _now_us, *, covered):
        """Number the only part."""
        return 1 if covered else None


def run(is_open, *steps, until_ms=400):
    """Let the belt run with these speeds (ms, ticks a second); returns witness and record."""
    motion = Motion(1_000, START_NS, [(at_ms * MS, speed) for at_ms, speed in steps])
    belt = Belt(1.0, jitter=0.0, start_ns=START_NS, parts=1)
    witness = MovingWitness(belt, motion, WAY_TICKS, Oscillator(0))
    gate, met = ScriptedGate(is_open), []
    for now_ms in range(1, until_ms):
        met += witness.run(gate, now_ms * MS)
    return witness, met


def told(met):
    """Return of each part when it was at the gate, in ms, and whether it passed."""
    return [(one.at_gate_ns // MS, one.passed) for one in met]


def test_a_part_passes_a_gate_that_shuts_behind_it():
    """The plain case: one meeting, with the gate open."""
    witness, met = run(lambda _ms, count: 90 <= count < 110)
    assert told(met) == [(GATE_MS, True)]
    assert witness.over


def test_a_part_that_goes_back_through_the_open_gate_meets_it_anew():
    """5 ticks past, back for 20; the gate shuts 10 ticks back: the part comes to a shut gate."""
    shut = []

    def is_open(ms, count):
        shut.extend([ms] if ms > 115 and count < 96 else [])
        return not shut

    witness, met = run(is_open, (115, -1_000), (135, 1_000))
    assert 124 <= shut[0] <= 125
    assert told(met) == [(150, False)]
    assert witness.over


def test_a_part_that_the_shut_gate_has_behind_it_is_gone():
    """5 ticks past, and the gate shuts with the first tick back: it meets it no second time."""
    _witness, met = run(lambda ms, _count: ms < 116, (115, -1_000), (135, 1_000))
    assert told(met) == [(GATE_MS, True)]


def test_a_part_that_goes_to_and_fro_in_an_open_gate_passes_once():
    """It is on its far side when it shuts."""
    _witness, met = run(lambda ms, _count: ms < 300, (115, -1_000), (135, 1_000))
    assert told(met) == [(GATE_MS, True)]


def test_a_part_before_the_gate_when_the_power_goes_is_diverted():
    """It was through it, and the belt has brought it back."""
    witness, met = run(lambda _ms, _count: True, (115, -1_000), (125, 0))
    assert told(met) == []
    assert [one.passed for one in witness.abandon()] == [False]


def test_a_part_behind_the_gate_when_the_power_goes_has_passed():
    """The gate falls shut behind it."""
    witness, met = run(lambda _ms, _count: True, (115, 0))
    assert told(met) == []
    assert not witness.over
    assert told(witness.abandon()) == [(GATE_MS, True)]
