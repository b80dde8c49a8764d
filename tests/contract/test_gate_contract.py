"""What every gate driver promises, asked of all of them."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import pytest
from gate_process import CLOCK, SECOND, TIMING, GateProcess, Host
from relay_board import RelayBoard
from relay_rig import RELAY_TIMING, ROOMY_TIMING, RecordingPort, section_for

from agent.config.document import Belt
from agent.config.gate import SimGate
from agent.config.trigger import IntervalTrigger as IntervalSection
from agent.drivers import GATES, open_gate
from agent.errors import GateError
from agent.gates.bookings import Pace
from agent.gates.host_timed import HostTimedGate
from agent.gates.lcus import LcusRelay
from agent.gates.line import LineRelay
from agent.gates.modbus import ModbusRelay
from agent.ports import Gate
from agent.records import GateNotice, GateOutcome, OutcomeCode, PassOrder, Trigger
from agent.triggers.interval import IntervalTrigger

ENOUGH = 8
RELAYS = {"modbus": ModbusRelay, "lcus": LcusRelay}


def host_timed(relay, section, timing=RELAY_TIMING):
    """Return a gate with this relay, and parts that are just far enough from one another."""
    interval_ms = timing.min_pitch_ms + 50
    source = IntervalTrigger(IntervalSection(driver="interval", interval_ms=interval_ms))
    return HostTimedGate(relay, source, Pace.of(timing, section), CLOCK)


@pytest.fixture(params=sorted({*GATES, *RELAYS, "line"}))
def gate(request, tmp_path):
    """Return each driver, not open, on a belt that begins in two seconds."""
    options = {"seed": 5, "start_ns": CLOCK.now_ns() + 2 * SECOND}
    if request.param == "sim":
        belt = Belt(rate_per_s=15.0, jitter=0.2, **options)
        driver = open_gate(SimGate(driver="sim"), TIMING, belt, CLOCK)
        yield driver
        driver.close()
    elif request.param == "controller":
        with GateProcess(tmp_path, rate=15, jitter=0.2, **options) as process:
            driver = open_gate(process.section(), TIMING, Belt(), CLOCK)
            yield driver
            driver.close()
    elif request.param in RELAYS:
        with RelayBoard(tmp_path, request.param) as board:
            # A diverting pulse that comes late is a fault: on a busy machine it needs room.
            roomy = request.param == "lcus"
            options = {"pulse_ms": 300} if roomy else {}
            section = section_for(request.param, board.link, **options)
            relay = RELAYS[request.param](section)
            driver = host_timed(relay, section, ROOMY_TIMING if roomy else RELAY_TIMING)
            yield driver
            driver.close()
    elif request.param == "line":
        # A pty has no modem lines, so the port only records what it is told.
        section = section_for("line", tmp_path)
        driver = host_timed(LineRelay(section, RecordingPort(CLOCK)), section)
        yield driver
        driver.close()
    else:
        pytest.fail(f"driver {request.param} has no stand-in here yet")


def open_soon(gate: Gate):
    """Open the gate; a cable that was just hung up may be gone for a moment, as a real one is."""
    deadline_ns = CLOCK.now_ns() + 10 * SECOND
    while not opens(gate):
        assert CLOCK.now_ns() < deadline_ns


def opens(gate: Gate):
    """Open the gate, and tell whether that went well."""
    try:
        gate.open()
    except GateError:
        return False
    return True


def descriptors():
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_parts_pass_by_permission_only_and_in_order(gate: Gate):
    """Each part gives one trigger and one outcome; those allowed pass, the others do not."""
    gate.open()
    host = Host(gate, allow=lambda trigger: trigger.part % 2)
    host.serve(lambda: len(host.passed) >= ENOUGH)
    triggers = [event for event in host.events if isinstance(event, Trigger)]
    outcomes = [event for event in host.events if isinstance(event, GateOutcome)]
    assert [trigger.part for trigger in triggers] == list(range(1, len(triggers) + 1))
    assert sorted(outcome.part for outcome in outcomes) == list(range(1, len(outcomes) + 1))
    allowed = {part for (_boot, part), kind in host.rows.items() if kind == "PASS"}
    passed = {outcome.part for outcome in outcomes if outcome.code is OutcomeCode.PASSED}
    assert passed <= allowed
    assert all(part % 2 for part in allowed)
    for trigger, later in itertools.pairwise(triggers):
        assert trigger.at_ns < later.at_ns <= CLOCK.now_ns()


def test_an_expired_order_is_not_sent_and_its_part_is_diverted(gate: Gate):
    """`allow` says False for what cannot be in time, and the gate stays shut."""
    gate.open()
    host = Host(gate, allow=lambda _trigger: False)
    host.serve(lambda: len(host.rows) >= 3)
    boot, part = next(iter(host.rows))
    assert not gate.allow(PassOrder(boot, part, CLOCK.now_ns()))
    assert not gate.allow(PassOrder(boot ^ 1, part, CLOCK.now_ns() + SECOND))
    host.serve(lambda: len(host.outcomes) >= 5)
    assert set(host.outcomes.values()) == {OutcomeCode.REJECTED.value}


def test_it_tells_when_parts_can_be_passed(gate: Gate):
    """Opened by `poll` alone, without `open`, it comes up by itself and says so."""
    host = Host(gate)
    host.serve(lambda: "gate_back" in host.notices)
    assert all(event.text for event in host.events if isinstance(event, GateNotice))


def test_wake_may_be_called_at_any_time(gate: Gate):
    """Before, during and after: it ends a wait and is never an error."""
    gate.wake()
    gate.open()
    threads = [threading.Thread(target=gate.wake) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.poll(0.2)
    for thread in threads:
        thread.join()
    gate.close()
    gate.wake()


def test_close_leaves_nothing_open_and_may_be_called_twice(gate: Gate):
    """All descriptors are given back, and the gate can be opened again."""
    before = descriptors()
    for _ in range(2):
        open_soon(gate)
        gate.poll(0.05)
        gate.close()
        gate.close()
        assert descriptors() == before
