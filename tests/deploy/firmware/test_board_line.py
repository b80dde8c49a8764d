"""The firmware under MicroPython behind a real pty, the agent's own driver at the host's end."""

from __future__ import annotations

import os
import subprocess
import tty

import pytest
from firmware_board import FIRMWARE, MICROPYTHON, PICO_HEAP, PROGRAM, needs_micropython
from firmware_models import load_tests
from firmware_process import BoardProcess
from gate_process import Host

pytestmark = needs_micropython
LIVE = PROGRAM.with_name("micropython_live.py")
conformance = load_tests("agent/gates/test_controller.py")
conformance.GateProcess = BoardProcess


@pytest.mark.parametrize(
    "promise",
    [
        conformance.test_a_noisy_line_passes_no_wrong_part_and_loses_none,
        conformance.test_a_pulled_cable_is_told_and_the_gate_found_again,
        conformance.test_a_restarted_controller_is_told_and_numbers_anew,
        conformance.test_kill_9_leaves_the_gate_rejecting_within_half_a_second,
        conformance.test_a_good_bye_takes_the_permissions_back,
        conformance.test_the_photo_eyes_moments_come_in_the_hosts_time,
    ],
    ids=lambda promise: promise.__name__,
)
def test_the_driver_keeps_its_promises_with_the_firmware(promise, tmp_path):
    """The driver's own tests, judged by the belt's record, with the board in the model's place."""
    promise(tmp_path)


class LiveBoard:
    """`main.py` in real time at the far end of a pty, with a belt of its own."""

    def __init__(self, folder, parts: int, pitch_us: int) -> None:
        self.record = folder / "gate.txt"
        self._belt = [str(pitch_us), str(parts)]

    def __enter__(self) -> LiveBoard:
        far, self._near = os.openpty()
        tty.setraw(self._near)
        self.port = os.ttyname(self._near)
        self.process = subprocess.Popen(
            [MICROPYTHON, *PICO_HEAP, str(LIVE), str(FIRMWARE), str(self.record), *self._belt],
            stdin=far,
            stdout=far,
        )
        os.close(far)
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._near)
        try:
            self.process.wait(30)
        finally:
            self.process.kill()
            self.process.wait()

    def lines(self):
        """Return the lines of the record."""
        return self.record.read_text().splitlines()

    def changes(self):
        """Return the counter and the level of each change of the output."""
        return [tuple(map(int, line.split())) for line in self.lines() if line != "safe"]

    def pulses(self):
        """Return how often the gate was opened."""
        return sum(level for _raw, level in self.changes())


def test_the_main_loop_serves_the_agent_through_a_wrap(tmp_path):
    """`main.py` as on the board: allowed parts pass with one pulse each, and its end is safe."""
    with LiveBoard(tmp_path, parts=24, pitch_us=120_000) as board:
        gate = conformance.driver(board.port)
        gate.open()
        host = Host(gate, allow=lambda trigger: trigger.part % 3)
        host.serve(lambda: len(host.outcomes) == 24)
        gate.close()
    assert board.process.returncode == 0
    assert board.lines()[-1] == "safe"
    assert [part for _boot, part in host.rows] == list(range(1, 25))
    assert {part for _boot, part in host.passed} <= {part for part in range(1, 25) if part % 3}
    # A pulse that began behind the part's centre is none; one whose end was early counts not.
    assert board.pulses() >= len(host.passed) >= 1
    assert board.changes()[0][0] > board.changes()[-1][0], "the counter has not wrapped"


def test_another_host_voids_what_the_first_one_allowed(tmp_path):
    """From the next host's HELLO on no pulse begins, and it hears of every part of the belt."""
    with LiveBoard(tmp_path, parts=30, pitch_us=100_000) as board:
        gate = conformance.driver(board.port)
        gate.open()
        host = Host(gate)
        host.serve(lambda: host.passed)
        gate.close()
        heir = Host(conformance.driver(board.port), allow=lambda _trigger: False)
        heir.gate.open()
        before = board.pulses()
        heir.serve(lambda: len({**host.outcomes, **heir.outcomes}) == 30)
        heir.gate.close()
        after = board.pulses()
    assert before >= 1
    assert after == before
