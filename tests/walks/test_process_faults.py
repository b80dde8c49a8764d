"""The agent's process in trouble: a crash, a pause, no descriptors, a slow disk, no memory."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import threading
import time
from contextlib import ExitStack

import paho.mqtt.client as mqtt
import psutil
import pytest
from live_line import RENDERED, LiveLine, wait_until
from memory_group import memory_group

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]

PARTS = 400  # twenty seconds: a busy machine takes some of them to start an agent


@pytest.fixture
def make_line(tmp_path):
    """Return a maker of lines whose agent has time to start before the first part."""
    with ExitStack() as stack:

        def make(parts=PARTS, **options):
            line = stack.enter_context(LiveLine(tmp_path, parts=parts, **options))
            line.lead_s = 8.0
            return line

        yield make


def reasons(line):
    """Return why parts were not inspected."""
    return {row["reason"] for row in line.rows() if row["verdict"] == "UNINSPECTED"}


def passing(line):
    """Wait until parts go through; returns how many have met the gate by then."""
    wait_until(lambda: any(one["opened_for"] is not None for one in line.met()), "a PASS")
    return len(line.met())


def finish(line):
    """Wait for the belt and all rows, stop the agent; returns the verdicts, judged from outside."""
    line.wait_for_belt()
    wait_until(lambda: len(line.rows()) >= line.parts, "all rows")
    assert line.stop_agent() == 0
    return line.balanced()


def test_a_native_crash_ends_the_process_and_costs_only_what_was_in_flight(make_line):
    """Row 5: SIGSEGV, as from an interpreter's library; started anew, no row stands twice."""
    line = make_line()
    line.start_gate()
    agent = line.start_agent()
    passing(line)
    agent.send_signal(signal.SIGSEGV)
    assert agent.wait(30) == -signal.SIGSEGV
    died_ns = time.monotonic_ns()
    line.start_agent()
    counts = finish(line)
    met = line.met()
    assert counts["PASS"] > 5
    # The controller heard no heartbeat for half a second: it rejects until the new agent greets.
    soon = [one for one in met if 0.6e9 < one["at_gate_ns"] - died_ns < 1.0e9]
    assert all(one["physically"] == "diverted" for one in soon)
    assert any("Segmentation fault" in text for text in line.log)  # all stacks, in the journal


def test_a_process_that_stood_still_passes_nothing_on_its_return(make_line):
    """Row 8: two seconds of SIGSTOP; stale verdicts are refused, then the line goes on."""
    line = make_line()
    line.start_gate()
    agent = line.start_agent()
    passing(line)
    agent.send_signal(signal.SIGSTOP)
    stopped_ns = time.monotonic_ns()
    wait_until(lambda: line.met()[-1]["at_gate_ns"] > stopped_ns + 2e9, "two seconds")
    agent.send_signal(signal.SIGCONT)
    counts = finish(line)
    met = line.met()
    asleep = [one for one in met if 0.6e9 < one["at_gate_ns"] - stopped_ns < 2e9]
    assert len(asleep) > 10
    assert all(one["physically"] == "diverted" for one in asleep)
    assert any(one["physically"] == "passed" for one in met if one["at_gate_ns"] > stopped_ns + 3e9)
    assert counts["UNINSPECTED"] >= len(asleep)
    assert reasons(line) & {"late", "gate", "overload", "no_frame"}


def told(line):
    """Return the numbers of the results that the broker has acknowledged."""
    return {row["seq"] for row in line.rows() if row["published"]}


def descriptors(pid):
    """Return how many descriptors a process has open."""
    return psutil.Process(pid).num_fds()


def test_descriptors_do_not_leak_and_none_left_stops_no_inspection(make_line, mosquitto, subscribe):
    """Row 64: 64 are enough; with none left the broker waits, and parts are judged all the same."""
    results = subscribe(mosquitto.port, "linewarden/+/+/+/+/result")
    line = make_line(700, mqtt_port=mosquitto.port)
    line.start_gate()
    agent = line.start_agent(ready=False)
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (64, 64))
    wait_until(lambda: len(results.messages) >= 10, "the first results")
    before = descriptors(agent.pid)
    for _ in range(2):  # a new connection each time
        known = len(results.messages)
        mosquitto.restart()
        wait_until(results.ready.is_set, "the subscriber")
        wait_until(lambda seen=known: len(results.messages) > seen, "results after a restart")
    assert descriptors(agent.pid) <= before + 2
    # Fewer than it has: nothing can be opened any more.
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (8, 64))
    mosquitto.restart()
    met = len(line.met())
    wait_until(lambda: len(line.met()) >= met + 40, "parts without descriptors")
    late = line.rows()[-1]["seq"]
    resource.prlimit(agent.pid, resource.RLIMIT_NOFILE, (64, 64))
    wait_until(lambda: late in told(line), "the results that waited")
    counts = finish(line)
    rows = line.rows()
    assert counts["PASS"] > 5
    poor = [row for row in rows if met - 20 < row["gate_part"] < met + 30]
    assert sum(row["verdict"] == "PASS" for row in poor) > 3


def can_slow_down():
    """Tell whether strace may hold a system call of a child of ours back."""
    command = ["strace", "-qq", "-e", "inject=fdatasync:delay_enter=1", "true"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def test_a_slow_disk_diverts_what_it_cannot_record_in_time_and_recovers(make_line, tmp_path):
    """Row 53, by strace: each sync of the ledger takes longer than a part's way to the gate."""
    if not can_slow_down():
        pytest.skip("needs strace with the right to trace")
    line = make_line()
    line.start_gate()
    agent = line.start_agent()
    passing(line)
    memory = psutil.Process(agent.pid).memory_info().rss
    strace = subprocess.Popen(
        [
            *("strace", "-f", "-qq", "-o", "/dev/null", "-p", str(agent.pid)),
            *("-P", str(tmp_path / "ledger" / "ledger.sqlite-wal")),
            *("-e", "inject=fdatasync,fsync:delay_enter=700000"),
        ]
    )
    slow_from = len(line.met())
    try:
        wait_until(lambda: len(line.met()) >= slow_from + 120, "parts on a slow disk")
        grown = psutil.Process(agent.pid).memory_info().rss - memory
    finally:
        strace.terminate()
        strace.wait()
    slow_to = len(line.met())
    counts = finish(line)
    met = line.met()
    slow = met[slow_from + 30 : slow_to]
    assert sum(one["physically"] == "passed" for one in slow) < len(slow) / 10
    assert any(one["physically"] == "passed" for one in met[slow_to + 40 :])
    assert counts["PASS"] > 5
    assert reasons(line) & {"late", "gate", "disk"}
    assert grown < 64 * 1024 * 1024


def test_nobody_on_the_network_can_move_the_line(make_line, mosquitto):
    """Row 45: the agent subscribes to nothing, so hostile commands reach no code of ours."""
    stop = threading.Event()
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", mosquitto.port)
    client.loop_start()

    def attack():
        bodies = (b"", b"{}", b"\xff" * 2000, b'{"mode":"bypass","by":"anna"}', b"[" * 5000)
        topics = ("cmd/bypass", "cmd/pause", "cmd", "result", "state", "../cmd", "cmd/flash")
        number = 0
        while not stop.wait(0.002):
            topic = f"linewarden/site/area/line/cell/{topics[number % len(topics)]}"
            client.publish(topic, bodies[number % len(bodies)], qos=0)
            number += 1

    attacker = threading.Thread(target=attack)
    line = make_line(mqtt_port=mosquitto.port)
    line.start_gate()
    attacker.start()
    try:
        line.start_agent()
        passing(line)
        counts = finish(line)
    finally:
        stop.set()
        attacker.join()
        client.disconnect()
        client.loop_stop()
    assert counts["PASS"] > 5
    log = (mosquitto.folder / "mosquitto.log").read_text("utf-8", "replace")
    assert "Received CONNECT from linewarden-" in log or "as linewarden-" in log
    assert "Received SUBSCRIBE from linewarden-" not in log


def test_out_of_memory_ends_the_process_and_it_comes_back(make_line):
    """Row 65: the kernel kills it as SIGKILL does, or memory runs out inside; both are survived."""
    line = make_line()
    line.start_gate()
    agent = line.start_agent()
    passing(line)
    used = psutil.Process(agent.pid).memory_info().vms
    _, hard = resource.prlimit(agent.pid, resource.RLIMIT_AS)
    resource.prlimit(agent.pid, resource.RLIMIT_AS, (used, hard))
    met = len(line.met())
    wait_until(lambda: len(line.met()) >= met + 30 or agent.poll() is not None, "its end")
    if agent.poll() is None:
        os.kill(agent.pid, signal.SIGKILL)
    agent.wait(30)
    line.start_agent()
    counts = finish(line)
    assert counts["PASS"] > 5


def test_the_kernels_out_of_memory_in_a_control_group_is_survived_as_a_crash(make_line):
    """Row 65: something else on the board takes all memory; the kernel ends the agent, not it."""
    line = make_line()
    with memory_group() as group, group.hog() as hog:
        group.limit(64 << 20)
        line.start_gate()
        agent = line.start_agent()
        group.take_in(agent.pid)
        passing(line)
        hog.stdin.write("take all\n")
        hog.stdin.flush()
        assert agent.wait(60) == -signal.SIGKILL
        died_ns = time.monotonic_ns()
        assert group.kills >= 1
        hog.kill()
    line.start_agent()
    counts = finish(line)
    assert counts["PASS"] > 5
    soon = [one for one in line.met() if 0.6e9 < one["at_gate_ns"] - died_ns < 1.0e9]
    assert soon
    assert all(one["physically"] == "diverted" for one in soon)
