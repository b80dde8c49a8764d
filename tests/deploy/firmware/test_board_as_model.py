"""The model's own tests, run against the firmware under MicroPython: it does as the model does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from firmware_board import BoardFirmware, needs_micropython
from firmware_host import CONFIG, MS, Host
from firmware_models import load_model_tests, promises_of
from hypothesis import settings

from agent.gates import messages
from agent.gates.codes import OutcomeKind, Wiring

pytestmark = [needs_micropython, pytest.mark.usefixtures("interpreter")]

# Other numbers hold for a board (how many parts it can hold), or the test reaches into the model.
globals().update(
    promises_of(
        "test_firmware",
        leave_out=[
            "test_it_announces_itself_until_a_host_greets",
            "test_energise_to_reject_powers_the_output_for_all_others",
        ],
    )
)
globals().update(
    promises_of(
        "test_firmware_faults",
        leave_out=[
            "test_a_heartbeat_lost_while_the_gate_is_open_closes_it_at_once",
            "test_noise_opens_no_gate",
        ],
    )
)
globals().update(promises_of("test_firmware_second_eye"))
globals().update(promises_of("test_firmware_run"))
globals().update(promises_of("test_firmware_ticks"))
globals().update(promises_of("test_firmware_watched"))
schedules = load_model_tests("test_firmware_schedules")
for machine in (schedules.Schedules, schedules.StoppingSchedules):
    machine.TestCase.settings = settings(
        max_examples=40, stateful_step_count=40, deadline=None, print_blob=True
    )
TestBoardSchedules = schedules.Schedules.TestCase
TestBoardStoppingSchedules = schedules.StoppingSchedules.TestCase


def test_an_idle_board_announces_itself_four_times_a_second():
    """Before any HELLO the board says nothing but its own, with how many parts it holds."""
    host = Host(firmware=BoardFirmware(0xB007_0001, 0))
    heard = []
    while host.now_us < 1_100 * MS:
        heard += host.link.receive(host.firmware.output(host.now_us), 0)
        host.now_us += 10 * MS
    assert set(heard) == {messages.Hello(messages.VERSION, 0xB007_0001, 0, 512)}
    assert len(heard) == 5


def test_a_gate_that_diverts_under_power_is_powered_from_the_first_moment():
    """Wired to reject by power it is energised before any host has spoken, and but for its part."""
    firmware = BoardFirmware(0xB007_0001, 0, wiring=1)
    assert firmware.energised
    inverted = replace(CONFIG, wiring=Wiring.ENERGISE_TO_REJECT)
    host = Host(firmware=firmware).greet(inverted)
    part = host.part()
    host.allow(part)
    assert firmware.energised
    host.wait(400 * MS)
    assert (firmware.open_for, firmware.energised) == (part, False)
    host.wait(409 * MS)
    assert firmware.energised


@pytest.mark.parametrize("wiring", [0, 1])
def test_a_host_that_means_the_other_wiring_is_refused(wiring):
    """The board knows how its gate is wired: a CONFIG that says otherwise is never in force."""
    host = Host(firmware=BoardFirmware(0xB007_0001, 0, wiring=wiring))
    host.greet(replace(CONFIG, wiring=Wiring(1 - wiring)))
    answers = host.all(messages.Configured)
    assert [answer.status.name for answer in answers] == ["IMPOSSIBLE"]
    part = host.part()
    host.allow(part)
    host.wait(500 * MS)
    assert host.outcomes() == {part: OutcomeKind.REJECTED}
