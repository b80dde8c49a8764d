"""Runs under MicroPython: checks of the encoder's interrupt and of a gate that follows a belt."""

from encoder import Encoder
from gate import Gate
from micropython_machine import without_memory

LAST = 0x3FFFFFFF


def encoder_wrap():
    encoder = Encoder(0)
    without_memory(lambda: encoder.quadrature(1))
    assert encoder.count() == -1, encoder.count()
    assert encoder._count + 1 <= LAST, "the next step would be a long integer on the board"
    without_memory(lambda: encoder.quadrature(0))
    without_memory(lambda: encoder.quadrature(2))
    assert encoder.count() == 1
    encoder.quadrature(1)  # two steps at once
    assert encoder.count() == 1
    single = Encoder()
    for _ in range(5):
        without_memory(single.single)
    assert single.count() == 5


def encoder_peak():
    states = (0, 2, 3, 1)
    encoder = Encoder(0)
    encoder.home(2)
    for at in (1, 2, 3, 2, 1):
        without_memory(lambda at=at: encoder.quadrature(states[at & 3]))
    assert (encoder.peak, encoder.back(), encoder.behind, encoder.turned) == (3, 2, False, 0)
    for at in (0, -1, 0):
        without_memory(lambda at=at: encoder.quadrature(states[at & 3]))
    assert (encoder.peak, encoder.behind, encoder.turned) == (3, True, 1)
    for at in (1, 2):
        encoder.quadrature(states[at & 3])
        assert encoder.behind
    without_memory(lambda: encoder.quadrature(states[3]))
    assert (encoder.peak, encoder.behind, encoder.lost) == (3, False, 0)
    without_memory(lambda: encoder.quadrature(states[1]))  # two steps at once
    assert (encoder.peak, encoder.lost) == (3, 1)


def gate_place():
    belt = 0x1FFFFFFF
    for first in (5, belt - 3):
        encoder = Encoder()

        def reach(place, encoder=encoder, first=first):
            encoder.peak = encoder._count = (first + place) & belt

        gate = Gate(lambda _energised: None, encoder)
        gate.follows = True
        gate.name(7)
        gate.place(first, 40, 80)
        gate.arm(7, 0, 0, 16_000)
        for after, is_open in ((-1, False), (0, True), (79, True), (80, False)):
            reach(after)
            without_memory(lambda gate=gate: gate.check(1_000))
            assert gate.is_open == is_open, (first, after)
        assert gate.opened
        gate.name(8)
        gate.place(first, 40, 80)
        gate.arm(8, 0, 0, 16_000)
        reach(41)  # it could only open behind the part
        gate.check(1_000)
        assert not gate.is_open
        reach(10)
        gate.check(15_999)
        assert gate.is_open
        gate.check(16_000)  # its time is over, wherever the belt is
        assert not gate.is_open
        assert not gate.opened
        gate.check(15_000)
        encoder.behind = True
        gate.check(15_001)
        assert not gate.is_open


def gate_back():
    for peak, back, passed in ((44, 4, True), (44, 5, False), (40, 1, False), (79, 11, True)):
        encoder = Encoder()
        encoder.home(2)
        gate = Gate(lambda _energised: None, encoder)
        gate.follows = True
        gate.name(7)
        gate.place(5, 40, 80)
        gate.arm(7, 0, 0, 16_000)
        for at in (10, peak):
            encoder.peak = encoder._count = 5 + at
            gate.check(1_000)
            assert gate.is_open
        encoder._count -= back
        encoder.behind = True
        without_memory(lambda gate=gate: gate.check(1_001))
        assert not gate.is_open
        assert gate.opened == passed, (peak, back)
