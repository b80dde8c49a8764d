"""A whole line without any photo-eye: parts found in the picture, a relay board at the gate."""

from __future__ import annotations

import sqlite3

import pytest
from gate_process import wait_for
from live_line import RENDERED
from relay_board import RelayBoard

from agent.clock import SystemClock
from agent.config.document import parse_config
from agent.ledger.balance import read_balance
from agent.ledger.reader import Selection
from agent.notify import Notifier
from agent.service import Service
from agent.sim.belt import Belt

MS = 1_000_000
PARTS = 20


def desk(folder, board, start_ns):
    """Return a line with a drawn belt, one part each half second, and no trigger but the camera."""
    return parse_config(
        f"""[camera]
driver = "sim"
deck = 4
[belt]
rate_per_s = 2.0
jitter = 0.0
start_ns = {start_ns}
parts = {PARTS}
[model]
bundle = "{RENDERED}"
[timing]
delay_ms = 1000.0
guard_ms = 80.0
min_pitch_ms = 400.0
frame_within_ms = 15.0
[gate]
driver = "modbus"
port = "{board.link}"
pulse_ms = 200
lead_ms = 20.0
release_ms = 10.0
reply_ms = 300.0
[trigger]
driver = "presence"
region = [0, 0, 300, 300]
part_is = "darker"
level = 140
on_share = 0.1
off_share = 0.02
[ledger]
folder = "ledger"
""",
        folder=folder,
    )


@pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}")
def test_every_part_in_the_picture_is_one_trigger_and_only_good_ones_have_a_pulse(tmp_path):
    """As many rows as the belt had parts, each at its own arrival; a pulse for each PASS alone."""
    clock = SystemClock()
    start_ns = clock.now_ns() + 6_000_000_000
    with RelayBoard(tmp_path) as board:
        config = desk(tmp_path, board, start_ns)
        service = Service(config, clock, Notifier(None))
        try:
            service.start()
            # The last part of a simulated belt never leaves; its outcome still comes.
            wait_for(lambda: sum(service.tally.snapshot().outcomes.values()) >= PARTS)
        finally:
            service.stop()
    connection = sqlite3.connect(tmp_path / "ledger" / "ledger.sqlite")
    rows = connection.execute("SELECT at_ns, verdict, outcome FROM part ORDER BY seq").fetchall()
    connection.close()
    belt = Belt(**config.belt.model_dump())
    assert len(rows) == PARTS
    for number, (at_ns, _verdict, _outcome) in enumerate(rows):
        assert 0 <= at_ns - belt.arrival_ns(number) < 400 * MS
    passed = [at_ns for at_ns, verdict, _ in rows if verdict == "PASS"]
    assert passed
    assert len(board.flashes()) >= len(passed)
    for begin_ns, end_ns in board.pulses():
        assert any(begin_ns <= at_ns + 1000 * MS <= end_ns for at_ns in passed)
    assert read_balance(tmp_path / "ledger", Selection()).balances
