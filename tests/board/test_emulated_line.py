"""A whole line on the board: camera, verdict, gate, broker; stopped dead; without power."""

from __future__ import annotations

import time

import pytest
from board_line import BAD_PATTERN, GOOD_PATTERN, figures_of, running_line, seconds_of
from emulated_board import EmulatedBoard, wait_for

SECOND = 1_000_000_000
pytestmark = [pytest.mark.slow, pytest.mark.broker, pytest.mark.timeout(3600)]


@pytest.fixture
def line(made, disk, tmp_path, mosquitto, subscribe):
    """A board whose line runs: good parts come, and the model lets them through."""
    with (
        EmulatedBoard(made.parent / "image", disk) as board,
        running_line(board, tmp_path, mosquitto, subscribe) as running,
    ):
        yield running


def _judges_both_kinds(line):
    """Good parts pass, bad ones do not, and both are told to the plant."""
    line.show(GOOD_PATTERN)
    line.wait_for_more("PASS", 4)
    line.show(BAD_PATTERN)
    line.wait_for_more("REJECT", 4)
    line.show(GOOD_PATTERN)
    line.wait_for_more("PASS", 2)


def _is_safe_and_comes_back_when_it_stands_still(line, figure):
    """Stopped dead, the watchdog ends it; until it judges again not one part passes."""
    board, before = line.board, line.board.shows("MainPID")
    board.run(f"kill -STOP {before}")
    stopped_ns = time.monotonic_ns()
    wait_for(lambda: board.shows("NRestarts") != "0", "the watchdog")
    restarted_ns = time.monotonic_ns()
    # What the board has sent may still be on its way; the controller waits half a second.
    met, passed = line.passed_between(stopped_ns + 2 * SECOND, restarted_ns)
    assert met >= 5
    assert passed == 0
    wait_for(lambda: board.counts().get("PASS", 0) >= 2, "parts judged again")
    figure("watchdog", {"parts_while_stopped": met, "passed_meanwhile": passed})
    said = board.journal("-b")
    assert "Watchdog timeout" in said
    assert "most recent call first" in said
    assert board.shows("MainPID") != before


def _comes_back_by_itself_after_a_power_cut(line, figure):
    """From power to the first part let through, with nobody there."""
    board = line.board
    begun_ns = time.monotonic_ns()
    board.qemu.power_cut()
    board.qemu.boot(wait=False)
    with line.plugged():
        board.qemu.wait_ready(900)

        def passed():
            return [p for p in line.gate.parts() if p.passed and p.at_gate_ns > begun_ns + SECOND]

        first = wait_for(passed, "a part let through")[0]
        figure("power_to_first_passed_part_s", round((first.at_gate_ns - begun_ns) / SECOND, 1))
        figure("unit_to_ready_s", round(seconds_of(board), 1))
        figure("memory_mb", figures_of(board))
        line.wait_for_more("PASS", 2)
        return line.stop()


def test_a_line_on_the_board_from_camera_to_plant(line, figure):
    """Belt, wire, ledger and subscriber agree, over a watchdog's bite and a power cut."""
    _judges_both_kinds(line)
    _is_safe_and_comes_back_when_it_stands_still(line, figure)
    until_ns = _comes_back_by_itself_after_a_power_cut(line, figure)
    rows = line.board.rows()
    figure("line_parts", {kind: sum(r["verdict"] == kind for r in rows) for kind in KINDS})
    line.assert_agreed(until_ns)


KINDS = ("PASS", "REJECT", "RECHECK", "UNINSPECTED")
