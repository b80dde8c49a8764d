"""What only a board has: its pins, its interrupts that allocate nothing, its language's limits."""

from __future__ import annotations

import ast
import subprocess

import pytest
from firmware_board import FIRMWARE, MICROPYTHON, PROGRAM, needs_micropython

CHECKS = {
    "future": "no file may say `from __future__ import annotations`: MicroPython has it not",
    "boot_pin": "the gate's pin is at rest before anything else, for all four ways of wiring it",
    "interrupts": "eye and timer work in hard interrupts without memory; the watchdog comes last",
    "run_pin": "the belt's output is off before any order and at the end, however it is wired",
    "second_eye": "the eye behind the gate has an interrupt of its own, without memory, marked so",
    "service": "with the service pin to ground the program leaves the board to mpremote",
    "uart": "the UART waits for nobody, in or out",
    "encoder_pins": "both channels count forwards and backwards, in interrupts without memory",
    "encoder_wrap": "below zero and back no long integer is made",
    "encoder_peak": "the furthest place, a way back and missed edges, without memory",
    "gate_place": "the timer opens and shuts at the exact places too, and by the time, and behind",
    "gate_back": "a part that went back through an open gate has not passed when it shuts",
    "idle_belt": "a belt that runs makes no rubbish while nothing depends on its place",
    "ring": "a full ring counts what it loses and keeps what it has",
    "gate_window": "the timer opens and shuts at the exact ticks, through a wrap, without memory",
    "gate_late": "what could only open behind the part's centre stays shut",
    "idle_turn": "a turn of the loop with nothing to do makes no rubbish, however long the ticks",
}
ON_THE_BOARD = {
    "array", "gc", "machine", "micropython", "os", "select", "struct", "sys", "time",
}  # fmt: skip


@pytest.fixture(scope="module")
def verdicts():
    """Run all checks in one MicroPython."""
    done = subprocess.run(
        [MICROPYTHON, str(PROGRAM.with_name("micropython_checks.py")), str(FIRMWARE)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return dict(line.split(" ", 1) for line in done.stdout.splitlines())


@needs_micropython
@pytest.mark.parametrize("check", CHECKS)
def test_the_hardware_is_used_as_a_board_needs_it(check, verdicts):
    """Each check of `micropython_checks.py` holds; the table says what it promises."""
    assert verdicts[check] == "ok", CHECKS[check]


@needs_micropython
def test_no_check_is_left_out(verdicts):
    """The table and the program know the same checks."""
    assert set(verdicts) == set(CHECKS)


def test_the_firmware_imports_only_what_a_board_has():
    """Every import is a module of MicroPython or a file beside it."""
    files = {path.stem: path for path in FIRMWARE.glob("*.py")}
    imported = set()
    for path in files.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module)
            elif isinstance(node, ast.Import):
                imported |= {name.name for name in node.names}
    assert imported <= ON_THE_BOARD | set(files)
    # A file named like a module of the board would hide it, or be hidden by it.
    assert not ON_THE_BOARD & set(files)
