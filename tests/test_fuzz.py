"""Damaged and hostile bytes at every parser: none crashes, and none takes a lie.

LINEWARDEN_FUZZ=1000000 makes so many mutants at each; LINEWARDEN_FUZZ_SEED makes others.
"""

import os

import pytest
from fuzz_corpus import traffic
from fuzz_targets import TARGETS, fuzz

TRIALS = int(os.environ.get("LINEWARDEN_FUZZ", "2000"))
SEED = int(os.environ.get("LINEWARDEN_FUZZ_SEED", "1"))
# One trial of the board's program is a part's whole way with 120 mutants on the line.
PER_TRIAL = {"gate_board": 120, "gate_host": 12}
# These have a checksum of 16 bits at least: chance alone lets through one in 65,536 of those that
# are all new, and such a frame must name a part in flight, its boot and its time to do harm.
CHECKED = {"gate_wire", "relay_reply", "container"}


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.timeout(0)
def test_no_mutant_crashes_a_parser_or_is_believed(name):
    """Each trial has a number and a seed, which a failure names."""
    trials = max(1, TRIALS // PER_TRIAL.get(name, 1))
    taken = fuzz(name, 0, trials, SEED)
    assert name not in CHECKED or taken <= 2 + trials / 10_000


def test_the_judges_notice_a_parser_that_believes(monkeypatch):
    """A parser that believes everything is found by each of the judges that could see it."""
    monkeypatch.setattr("agent.gates.wire.checksum", lambda _: 0)
    monkeypatch.setattr("agent.gates.modbus_frame.is_sound", lambda _: True)
    monkeypatch.setattr("bundle.slot_state._check", lambda _: "0")
    traffic.cache_clear()
    try:
        assert fuzz("gate_wire", 0, 300, 1) > 10
    finally:
        traffic.cache_clear()
    for name in ("relay_reply", "slot_state"):
        with pytest.raises(AssertionError, match="believed"):
            fuzz(name, 0, 2000, 1)


def test_the_board_is_seen_to_open(monkeypatch):
    """The judge of the board's program looks where the gate is."""
    monkeypatch.setattr("agent.sim.firmware.Firmware.open_for", property(lambda _: 3))
    with pytest.raises(AssertionError, match="opened the gate"):
        fuzz("gate_board", 0, 1, 1)
