"""Runs under MicroPython: the firmware's modules for the hardware on a `machine` that only notes.

Prints a line for each check: its name, and `ok` or what was wrong.
"""

import sys

sys.path.insert(0, sys.argv[1])

# Before `pins`, which imports `machine`.
from micropython_machine import NOTES, Pin, Timer, without_memory

# isort: split
import pins
import settings
from clock import Clock
from controller import Controller
from gate import Gate
from loop import Loop
from micropython_belt import encoder_peak, encoder_wrap, gate_back, gate_place
from ring import EdgeRing

LAST = 0x3FFFFFFF
LONG = 2**63 + 12345


class NoLine:
    """A line on which nothing comes."""

    def __init__(self):
        self.said = b""

    def any(self):
        return False

    def read(self):
        return b""

    def write(self, data):
        self.said += bytes(data)
        return len(data)


def fresh(wiring=0, active_low=False):
    NOTES.clear()
    Pin.levels.clear()
    settings.WIRING, settings.GATE_ACTIVE_LOW = wiring, active_low


def future():
    try:
        exec("from __future__ import annotations")
    except ImportError:
        return
    raise ValueError("it has become possible")


def boot_pin():
    for wiring, active_low, rest in ((0, False, 0), (0, True, 1), (1, False, 1), (1, True, 0)):
        fresh(wiring, active_low)
        sys.modules.pop("boot", None)
        __import__("boot")
        assert [("pin", settings.GATE_PIN, "out", rest)] == NOTES, NOTES
        NOTES.clear()
        board = pins.Board(NoLine())
        assert NOTES[0] == ("pin", settings.GATE_PIN, "out", rest), NOTES
        board.put_gate(wiring == 0)
        assert Pin.levels[settings.GATE_PIN] == 1 - rest
        board.make_safe()
        assert Pin.levels[settings.GATE_PIN] == rest
        assert NOTES[-1] == ("timer off",)


def run_pin():
    for active_low, off in ((False, 0), (True, 1)):
        fresh()
        settings.RUN_PIN, settings.RUN_ACTIVE_LOW = 16, active_low
        sys.modules.pop("boot", None)
        __import__("boot")
        assert ("pin", 16, "out", off) in NOTES, NOTES
        NOTES.clear()
        board = pins.Board(NoLine())
        assert ("pin", 16, "out", off) in NOTES, NOTES
        board.put_run(True)
        assert Pin.levels[16] == 1 - off
        board.put_run(False)
        assert Pin.levels[16] == off
        board.put_run(True)
        board.make_safe()
        assert Pin.levels[16] == off
    settings.RUN_PIN, settings.RUN_ACTIVE_LOW = None, False
    assert pins.Board(NoLine()).put_run is None


def interrupts():
    fresh()
    board = pins.Board(NoLine())
    gate = Gate(board.put_gate)
    board.start(gate)
    assert ("irq", settings.EYE_PIN, True) in NOTES
    assert [note for note in NOTES if note[0] == "timer"] == [("timer", 2_000, True)]
    assert NOTES[-1] == ("watchdog", settings.WATCHDOG_MS), "the watchdog begins last"
    on_eye, pin = Pin.levels[("irq", settings.EYE_PIN)], board._eye_pin
    Pin.levels[settings.EYE_PIN] = 1 - board._eye_idle
    board.ticks_us = lambda: LAST
    gate.arm(1, LAST - 5, 8_000, 16_000)
    gate.beat(LAST)
    without_memory(lambda: on_eye(pin))
    without_memory(lambda: Timer.callback(None))
    assert gate.is_open
    assert board.edges.take()
    assert board.edges.take()
    assert board.edges.covered


def second_eye():
    fresh()
    settings.SECOND_EYE_PIN = 9
    board = pins.Board(NoLine())
    board.start(Gate(board.put_gate))
    settings.SECOND_EYE_PIN = None
    assert ("irq", 9, True) in NOTES
    on_second, pin = Pin.levels[("irq", 9)], board._second_pin
    board.ticks_us = lambda: LAST
    while board.edges.take():
        pass
    for level in (board._second_idle, 1 - board._second_idle):
        Pin.levels[9] = level
        without_memory(lambda: on_second(pin))
        assert board.edges.take()
        assert board.edges.second
        assert board.edges.covered == (level != board._second_idle)


def service():
    fresh()
    Pin.levels[settings.SERVICE_PIN] = 0
    assert pins.open_board() is None


def uart():
    fresh()
    settings.STREAM = "uart"
    line = pins.open_board()
    notes = [note for note in NOTES if note[0] == "uart"]
    assert notes == [("uart", 0, 115_200, 0)], "it waits for nobody"
    assert line.read() + line.read() == bytes(range(200))
    assert line.read() == b""
    assert not line.any()
    assert line.write(b"") == 0
    assert line.write(bytes(20)) == 10
    assert line.any(), "it tries again"
    assert line.write(bytes(5)) == 0
    settings.STREAM = "usb"


def encoder_pins():
    fresh()
    settings.ENCODER_A_PIN, settings.ENCODER_B_PIN = 2, 3
    board = pins.Board(NoLine())
    Pin.levels[2], Pin.levels[3] = 0, 0
    board.start(Gate(board.put_gate))
    handler = Pin.levels[("irq", 2)]
    assert handler == Pin.levels[("irq", 3)]
    for a, b in ((1, 0), (1, 1), (0, 1), (0, 0)) * 3:
        Pin.levels[2], Pin.levels[3] = a, b
        without_memory(lambda: handler(None))
    forwards = board.encoder.count()
    for a, b in ((0, 1), (1, 1), (1, 0), (0, 0)) * 4:
        Pin.levels[2], Pin.levels[3] = a, b
        without_memory(lambda: handler(None))
    assert abs(forwards) == 12
    assert board.encoder.count() == forwards - 16 * forwards // 12
    settings.ENCODER_A_PIN = settings.ENCODER_B_PIN = None


def ring():
    edges = EdgeRing()
    assert not edges.take()
    assert not edges.any()
    for at in range(300):
        without_memory(lambda at=at: edges.put(LAST - at, at & 1))
    assert edges.lost == 300 - 255
    for at in range(255):
        assert edges.take()
        assert edges.raw == LAST - at
        assert edges.covered == bool(at & 1)
    assert not edges.take()


def gate_window():
    for first in (5, LAST - 3, LONG & LAST):
        gate = Gate(lambda _energised: None)
        gate.arm(7, LONG - LONG + first, LONG - (LONG - 8_000), LONG - (LONG - 16_000))
        for after, is_open in ((-1, False), (0, True), (15_999, True), (16_000, False)):
            raw = (first + after) & LAST
            gate.beat(raw)
            without_memory(lambda gate=gate, raw=raw: gate.check(raw))
            assert gate.is_open == is_open, (first, after)
        assert gate.opened


def gate_late():
    for first_look, is_open in ((8_000, True), (8_001, False)):
        gate = Gate(lambda _energised: None)
        gate.arm(7, 0, 8_000, 16_000)
        gate.beat(first_look)
        gate.check(first_look)
        assert gate.is_open == gate.opened == is_open


def idle_belt():
    fresh()
    settings.ENCODER_A_PIN, settings.ENCODER_B_PIN = 2, 3
    board = pins.Board(NoLine())
    settings.ENCODER_A_PIN = settings.ENCODER_B_PIN = None
    board.ticks_us = lambda: 1_000
    gate = Gate(board.put_gate, board.encoder)
    loop = Loop(board, Clock(board.ticks_us), gate, Controller(1, 0, gate, 1_000, board.encoder))
    loop.turn()
    for _ in range(50):
        without_memory(board.encoder.single)
        without_memory(loop.turn)
    board.encoder.lost += 1
    assert loop.turn(), "lost edges are work at once"
    assert not loop.turn()


def idle_turn():
    fresh()
    board = pins.Board(NoLine())
    tick = [1_000]
    board.ticks_us = lambda: tick[0]
    gate = Gate(board.put_gate)
    clock = Clock(board.ticks_us)
    clock.now_us = LONG - LONG % (LAST + 1) + 1_000
    loop = Loop(board, clock, gate, Controller(1, 0, gate, clock.now_us))
    loop.turn()
    for at in range(1_001, 1_100):
        tick[0] = at
        without_memory(loop.turn)
    tick[0] = 251_001
    assert loop.turn()


CHECKS = (
    future, boot_pin, run_pin, interrupts, second_eye, service, uart, encoder_pins, encoder_wrap,
    ring, gate_window, gate_late, idle_turn, encoder_peak, gate_place, gate_back,
    idle_belt,
)  # fmt: skip
for check in CHECKS:
    try:
        check()
        verdict = "ok"
    except (AssertionError, MemoryError, ValueError, OSError, AttributeError) as error:
        verdict = f"{type(error).__name__} {error}"
    print(check.__name__, verdict)
