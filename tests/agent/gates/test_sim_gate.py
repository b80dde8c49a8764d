"""Gate driver `sim`: a controller of its own that comes and goes with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from gate_process import CLOCK, SECOND, TIMING, Host, in_order

from agent.config import gate as config_gate
from agent.config.document import Belt
from agent.errors import GateError
from agent.gates import sim
from agent.gates.sim import SimGate
from agent.sim.judge import read_record

OWNER = """
import sys
from gate_process import CLOCK, TIMING
from agent.config import document as config, gate as config_gate
from agent.gates import sim
from agent.gates.sim import SimGate
gate = SimGate(config_gate.SimGate(driver="sim"), TIMING, config.Belt(), CLOCK)
gate.open()
print(gate.pid, gate.link, flush=True)
gate.poll(600.0)
"""


def sim_gate(record="", **belt):
    """Return a driver, not open, on a belt which begins when it will be."""
    options = {"rate_per_s": 15.0, "jitter": 0.2, "start_ns": CLOCK.now_ns() + 2 * SECOND, **belt}
    section = config_gate.SimGate(driver="sim", record=str(record))
    return SimGate(section, TIMING, Belt(**options), CLOCK)


def test_what_the_host_decides_is_what_the_belt_sees(tmp_path):
    """Every part has its row, and only those allowed went through."""
    record = tmp_path / "belt.jsonl"
    gate = sim_gate(record, parts=60)
    gate.open()
    host = Host(gate, allow=lambda trigger: trigger.part % 2)

    def met():
        return read_record(record.read_text().splitlines())

    host.serve(lambda: met() and met()[-1].belt_part == 59 and len(host.outcomes) == len(met()))
    gate.close()
    found = host.judge(met())
    assert found.safe
    assert found.balanced
    assert 1 <= found.passed <= 30
    allowed = {key for key, kind in host.rows.items() if kind == "PASS"}
    assert {(part.boot, part.part) for part in found.pass_diverted} == allowed - host.passed


def test_it_leaves_nothing_behind():
    """After `close` there is no process and no folder; it may be closed twice and opened again."""
    gate = sim_gate()
    gate.close()
    for _ in range(2):
        gate.open()
        pid = gate.pid
        assert gate.link.is_symlink()
        gate.close()
        gate.close()
        assert not psutil.pid_exists(pid)
        assert not gate.link.parent.exists()


def test_a_controller_that_dies_is_started_again():
    """Its process killed: told as lost, started again, back, with another boot."""
    gate = sim_gate()
    gate.open()
    host = Host(gate)
    host.serve(lambda: host.passed)
    os.kill(gate.pid, signal.SIGKILL)
    boots = {boot for boot, _part in host.rows}
    host.serve(lambda: any(boot not in boots for boot, _part in host.passed))
    gate.close()
    assert in_order(["gate_back", "gate_lost", "gate_restart", "gate_back"], host.notices)


def test_it_dies_with_its_owner():
    """The owner killed without a chance to say so: the controller and its folder go too."""
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdout=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
    )
    pid, link = owner.stdout.readline().split()
    controller = psutil.Process(int(pid))
    owner.kill()
    owner.wait()
    owner.stdout.close()
    psutil.wait_procs([controller], timeout=30)
    assert not controller.is_running()
    assert not Path(link).parent.exists()


def test_a_controller_that_cannot_start_is_one_sentence(tmp_path):
    """A record that cannot be written ends in a GateError, with no process left."""
    gate = sim_gate(tmp_path / "no such folder" / "belt.jsonl")
    with pytest.raises(GateError, match="did not start"):
        gate.open()
    gate.close()
    assert gate.pid is None


def test_counts_and_an_open_gate_opened_again_are_those_of_the_line():
    """The line's counts pass through, and a second `open` starts no second controller."""
    gate = sim_gate()
    gate.open()
    pid = gate.pid
    gate.open()
    assert gate.pid == pid
    assert gate.counts().refused_here == 0
    assert gate.counts().clock_error_ns is not None
    gate.close()


def test_a_controller_that_does_not_end_is_killed(monkeypatch):
    """Stopped in its tracks, it cannot hold `close` up for ever."""
    monkeypatch.setattr(sim, "_END_WITHIN_S", 0.2)
    gate = sim_gate()
    gate.open()
    pid = gate.pid
    os.kill(pid, signal.SIGSTOP)
    gate.close()
    assert not psutil.pid_exists(pid)
    assert not gate.link.parent.exists()


def test_a_line_that_does_not_stop_its_belt_leaves_it_alone():
    """Whatever the lane says of the belt, parts come and pass as before."""
    gate = sim_gate()
    gate.open()
    gate.let_run(may_run=False)
    host = Host(gate)
    host.serve(lambda: host.passed)
    gate.close()
