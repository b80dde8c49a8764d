"""Gate driver `controller` against the simulated one, a process behind a real pty."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

from gate_process import CLOCK, MS, SECOND, TIMING, GateProcess, Host, in_order, wait_for

from agent.config import gate as config_gate
from agent.gates.controller import ControllerGate
from agent.records import PassOrder, Trigger

HOST_PROGRAM = """
import sys
from gate_process import CLOCK, TIMING, Host
from agent.config import gate as config_gate
from agent.gates.controller import ControllerGate
section = config_gate.ControllerGate(driver="controller", port=sys.argv[1])
gate = ControllerGate(section, TIMING, CLOCK)
gate.open()
host = Host(gate)
host.serve(lambda: len(host.passed) >= 3)
print("going", flush=True)
host.serve(lambda: False)
"""


def driver(port):
    """Return a driver for a port, not open."""
    section = config_gate.ControllerGate(driver="controller", port=str(port))
    return ControllerGate(section, TIMING, CLOCK)


def start_soon(**options):
    """Return the options of a belt which begins when the handshake is over."""
    return {"rate": 15, "jitter": 0.2, "start_ns": CLOCK.now_ns() + 2 * SECOND, **options}


def test_a_noisy_line_passes_no_wrong_part_and_loses_none(tmp_path):
    """Frames lost, damaged, repeated and late, each way: every part has its row and its gate."""
    faults = {"drop": 0.05, "corrupt": 0.05, "repeat": 0.1, "delay": 0.2, "late_ms": 40}
    with GateProcess(tmp_path, **start_soon(parts=60, **faults)) as process:
        gate = driver(process.link)
        host = Host(gate, allow=lambda trigger: trigger.part % 3)
        host.serve(lambda: process.over(60) and len(host.outcomes) == len(process.parts()))
        assert gate.counts().refused_here > 0
        gate.close()
        found = host.judge(process.parts())
    assert found.safe
    assert found.balanced
    assert 1 <= found.passed <= 40


def test_a_pulled_cable_is_told_and_the_gate_found_again(tmp_path):
    """Behind another number, under the same name: lost, back, and parts pass again."""
    with GateProcess(tmp_path, **start_soon(unplug_s=0.7)) as process:
        gate = driver(process.link)
        gate.open()
        host = Host(gate)
        host.serve(lambda: host.passed)
        process.signal(signal.SIGUSR1)
        host.serve(lambda: in_order(["gate_lost", "gate_back"], host.notices))
        before = len(host.passed)
        host.serve(lambda: len(host.passed) >= before + 5)
        gate.close()
        found = host.judge(process.parts())
        pulled_ns = process.events("unplugged")[0]
        dark = [p for p in process.parts() if 501 * MS < p.at_gate_ns - pulled_ns < 700 * MS]
    assert found.safe
    assert dark
    assert not any(part.passed for part in dark)


def test_a_restarted_controller_is_told_and_numbers_anew(tmp_path):
    """Its power gone for a moment: another boot, its parts never mixed with the old ones."""
    with GateProcess(tmp_path, **start_soon()) as process:
        gate = driver(process.link)
        gate.open()
        host = Host(gate)
        host.serve(lambda: len(host.outcomes) >= 5)
        old_boots = {boot for boot, _part in host.rows}
        process.signal(signal.SIGUSR2)
        host.serve(lambda: any(boot not in old_boots for boot, _part in host.passed))
        gate.close()
        found = host.judge(process.parts())
    assert in_order(["gate_back", "gate_restart", "gate_back"], host.notices)
    assert found.safe
    assert not found.double_rows
    assert min(part for boot, part in host.rows if boot not in old_boots) == 1


def test_a_frozen_controller_is_lost_and_blocks_nobody(tmp_path):
    """The port is open and nobody reads: told after 500 ms, and `poll` keeps its timeout."""
    with GateProcess(tmp_path) as process:
        gate = driver(process.link)
        gate.open()
        host = Host(gate)
        process.freeze()
        try:
            host.serve(lambda: "gate_lost" in host.notices)
            assert not gate.allow(PassOrder(1, 1, 2**62))
        finally:
            process.thaw()
        host.serve(lambda: host.notices[-1] == "gate_back")
        gate.close()


def test_kill_9_leaves_the_gate_rejecting_within_half_a_second(tmp_path):
    """The host dies among passing parts: by the belt's record none passes 500 ms later."""
    with GateProcess(tmp_path, **start_soon(rate=20)) as process:
        program = subprocess.Popen(
            [sys.executable, "-c", HOST_PROGRAM, str(process.link)],
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        )
        assert program.stdout.readline() == "going\n"
        program.kill()
        program.wait()
        program.stdout.close()
        killed_ns = CLOCK.now_ns()
        wanted_ns = killed_ns + 1500 * MS
        wait_for(lambda: any(part.at_gate_ns > wanted_ns for part in process.parts()))
        parts = process.parts()
        heir = driver(process.link)
        heir.open()
        host = Host(heir)
        host.serve(lambda: host.passed)
        heir.close()
    late = [part for part in parts if part.at_gate_ns > killed_ns + 500 * MS]
    assert any(part.passed for part in parts)
    assert len(late) >= 10
    assert not any(part.passed for part in late)


def test_a_good_bye_takes_the_permissions_back(tmp_path):
    """After `close` not even a part that was allowed goes through."""
    with GateProcess(tmp_path, **start_soon()) as process:
        gate = driver(process.link)
        gate.open()
        host = Host(gate)
        host.serve(lambda: "PASS" in host.rows.values())
        gate.close()
        (allowed,) = (key for key, kind in host.rows.items() if kind == "PASS")
        wait_for(lambda: allowed in {(part.boot, part.part) for part in process.parts()})
        assert not any(part.passed for part in process.parts())


def test_a_wake_ends_a_poll_and_a_quiet_poll_ends_by_itself(tmp_path):
    """`wake` from another thread, before or during the wait, makes `poll` return with nothing."""
    with GateProcess(tmp_path) as process:
        gate = driver(process.link)
        gate.wake()
        gate.open()
        began_ns = CLOCK.now_ns()
        gate.poll(0.0)
        gate.wake()
        gate.poll(100.0)
        timer = threading.Timer(0.1, gate.wake)
        timer.start()
        gate.poll(100.0)
        timer.join()
        gate.poll(0.1)
        assert CLOCK.now_ns() - began_ns < 90 * SECOND
        gate.close()
        gate.wake()


def test_an_order_is_refused_while_there_is_no_gate():
    """Without a line nothing is sent and False is the answer."""
    gate = driver("/dev/does-not-exist")
    assert not gate.allow(PassOrder(1, 1, 2**62))
    gate.recorded(Trigger(1, 1, 0))
    gate.close()


def test_the_photo_eyes_moments_come_in_the_hosts_time(tmp_path):
    """A controller with another start and a fast clock: its triggers tell the right moments."""
    with GateProcess(tmp_path, **start_soon(), ppm=200, tick_offset_us=10**12) as process:
        gate = driver(process.link)
        gate.open()
        host = Host(gate)
        host.serve(lambda: len(host.passed) >= 10)
        gate.close()
        arrivals = {part.part: part for part in process.parts()}
    for trigger in (event for event in host.events if isinstance(event, Trigger)):
        if (trigger.boot, trigger.part) in host.passed:
            arrival_ns = arrivals[trigger.part].at_gate_ns - round(TIMING.delay_ms * MS)
            assert abs(trigger.at_ns - arrival_ns) < TIMING.guard_ms / 4 * MS


def test_a_cable_pulled_between_verdict_and_order_sends_nothing(tmp_path):
    """`allow` finds the port gone: False, and the loss is told by the next `poll`."""
    with GateProcess(tmp_path, **start_soon(unplug_s=30)) as process:
        gate = driver(process.link)
        gate.open()
        host = Host(gate, allow=lambda _trigger: False)
        host.serve(lambda: host.rows)
        boot, part = next(iter(host.rows))
        process.signal(signal.SIGUSR1)
        wait_for(lambda: not process.link.is_symlink())
        assert not gate.allow(PassOrder(boot, part, 2**62))
        host.serve(lambda: "gate_lost" in host.notices)
        gate.close()
