"""The board on a belt with an encoder: what the model does it does, part by part."""

from __future__ import annotations

import random

import pytest
from belt_line import START_NS, TICKS, WATCHED, BeltLine
from firmware_board import BoardFirmware, needs_micropython
from firmware_host import BOOT, MS, BeltHost
from firmware_talk import board
from moved_line import SECOND

from agent.gates import messages
from agent.gates.codes import Faults, OutcomeKind
from agent.records import OutcomeCode
from agent.sim import virtual

pytestmark = [needs_micropython, pytest.mark.usefixtures("interpreter")]
WAYS = {
    "stop": [(900, 0), (700, 5_000)],
    "slow": [(900, 3_500), (1_300, 5_000)],
    "fast": [(900, 6_500), (1_100, 5_000)],
    "back": [(900, -3_000), (200, 5_000)],
    "jerk": [(700, 6_900), (30, 300), (40, 6_900), (25, 0), (300, 5_000)],
}


def story(config, steps, seed, parts=40):
    """Return what met the gate and what was reported of it.

    A trigger that leaves in the very turn in which another speed is noticed may go before it from
    the board and after it from the model. Then the board's part is not told as barred, the host
    allows it and is refused: the part is diverted either way, only that notice differs.
    """
    line = BeltLine(config, steps, seed=seed, parts=parts)
    line.run(START_NS + 5 * SECOND)
    line.assert_safe()
    met = [(met.part, met.opened_for, met.at_gate_ns) for met in line.line.met]
    told = line.notices
    if config is WATCHED:
        told = [kind for kind in told if kind != "pass_refused"]
    return met, line.outcomes, told


@pytest.mark.parametrize("config", [TICKS, WATCHED], ids=["ticks", "watched"])
@pytest.mark.parametrize("way", WAYS)
def test_the_same_belt_has_the_same_end_with_the_model_and_on_the_board(monkeypatch, way, config):
    """Stops, other speeds, jerks, a way back: each part goes the same way and is told alike."""
    seed = random.SystemRandom().randrange(10_000)
    expected = story(config, WAYS[way], seed)
    monkeypatch.setattr(virtual, "Firmware", BoardFirmware)
    assert story(config, WAYS[way], seed) == expected, f"seed {seed}"
    assert OutcomeKind.PASSED.name.lower() in {code.value for code in expected[1].values()}


@pytest.mark.parametrize("config", [TICKS, WATCHED], ids=["ticks", "watched"])
@pytest.mark.parametrize("seed", [1, 49])
def test_a_part_within_a_tick_of_the_gate_where_the_belt_turns_has_not_passed(
    monkeypatch, seed, config
):
    """The encoder has counted up to the gate, and the belt has not brought the part there."""
    expected = story(config, WAYS["back"], seed)
    part, opened_for, at_gate_ns = next(met for met in expected[0] if met[0] == 11)
    assert (part, opened_for) == (11, None)
    assert at_gate_ns > START_NS + 1_200 * 1_000_000
    assert expected[1][11] in {OutcomeCode.BELT_BACK, OutcomeCode.FAULT}
    monkeypatch.setattr(virtual, "Firmware", BoardFirmware)
    assert story(config, WAYS["back"], seed) == expected


def belt_board():
    """Return a host of few words with a board that follows its belt."""
    belt = messages.Belt(1, 400, 12, 17, 1_000, 10)
    host = BeltHost(firmware=BoardFirmware(BOOT, 0))
    return host.greet(messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 64, belt=belt))


def test_a_way_back_between_two_turns_of_the_loop_bars_all_the_same():
    """The interrupt has seen it, though the belt is where it was when the loop comes round."""
    host = belt_board()
    host.wait(200 * MS)
    part = host.part()
    host.say(messages.Pass(BOOT, part, 2**60))
    host.firmware.glance(int(host.ticks) - 30)
    host.firmware.glance(int(host.ticks))
    host.wait(700 * MS)
    assert host.outcomes() == {part: OutcomeKind.BELT_BACK}


@pytest.mark.parametrize(
    ("ahead", "kind"),
    [(0, OutcomeKind.BELT_BACK), (3, OutcomeKind.BELT_BACK), (4, OutcomeKind.PASSED)],
)
def test_what_went_back_through_the_open_gate_has_not_passed(ahead, kind):
    """The gate shuts 4 ticks back: a part that is before it again comes to a shut gate."""
    host = belt_board()
    host.wait(200 * MS)
    part = host.part()
    host.say(messages.Pass(BOOT, part, 2**60))
    host.wait(host.now_us + (400 + ahead) * MS)
    assert host.firmware.open_for == part
    for _ in range(4):
        host.run(-1)
    assert host.firmware.open_for is None
    host.wait(host.now_us + 60 * MS)
    assert host.outcomes() == {part: kind}


def test_an_encoder_that_misses_edges_bars_all_and_says_so():
    """Both channels changed at once: ticks are lost, so no place is sure."""
    host = belt_board()
    host.wait(200 * MS)
    part = host.part()
    host.say(messages.Pass(BOOT, part, 2**60))
    host.firmware.lose_edges()
    host.wait(300 * MS)
    assert host.faults() == Faults.ENCODER
    host.wait(900 * MS)
    assert host.outcomes() == {part: OutcomeKind.FAULT}


def test_a_place_beyond_what_the_interrupt_counts_is_refused():
    """The count has 29 bits: a gate that is further off than a quarter of that is impossible."""
    for delay, status in ((2**27 - 9, "ACCEPTED"), (2**27 - 8, "IMPOSSIBLE")):
        belt = messages.Belt(2, delay, 8, 17, 1_000_000)
        config = messages.Config(400 * MS, 8 * MS, 17 * MS, 3 * MS, 64, belt=belt)
        host = board(config=config)
        assert [one.status.name for one in host.all(messages.Configured)] == [status]


def test_a_count_that_wraps_moves_no_window():
    """The 29 bits begin anew between photo-eye and gate: the part passes at its place."""
    host = BeltHost(firmware=BoardFirmware(BOOT, 0))
    host.firmware.wind(2**29 - 700)
    belt = messages.Belt(2, 400, 8, 17, 1_500)
    host.greet(messages.Config(266 * MS, 5 * MS, 11 * MS, 3 * MS, 64, belt=belt))
    for _ in range(3):
        host.wait(host.now_us + 250 * MS)
        part = host.part()
        host.say(messages.Pass(BOOT, part, 2**60))
    host.wait(host.now_us + 500 * MS)
    assert host.outcomes() == dict.fromkeys([1, 2, 3], OutcomeKind.PASSED)
