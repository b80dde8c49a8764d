"""The simulated controller as a program: its record, its signals, its physical truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from gate_process import CLOCK, MS, SECOND, TIMING, GateProcess, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.sim.belt import Belt
from agent.sim.cable import Cable
from agent.sim.firmware import Firmware
from agent.sim.line_faults import FaultRates, LineFaults
from agent.sim.oscillator import Oscillator
from agent.sim.witness import Witness


def test_without_a_host_every_part_is_numbered_and_diverted(tmp_path):
    """The record has each part of the belt once, at its own moment, with the gate shut."""
    start_ns = CLOCK.now_ns() + SECOND
    with GateProcess(tmp_path, rate=50, jitter=0.2, start_ns=start_ns, parts=20) as process:
        wait_for(lambda: process.over(20))
        parts = process.parts()
    belt = Belt(50.0, 0.2, 1, start_ns, 20)
    first = parts[0].belt_part  # 0, unless this machine was too slow to start in time
    assert [part.belt_part for part in parts] == list(range(first, 20))
    assert [part.part for part in parts] == list(range(1, 21 - first))
    assert [part.at_gate_ns for part in parts] == [
        belt.arrival_ns(n) + round(TIMING.delay_ms * MS) for n in range(first, 20)
    ]
    assert not any(part.passed for part in parts)
    events = [json.loads(line) for line in process.record.read_text().splitlines()]
    assert [event["event"] for event in events if "event" in event] == ["boot", "end"]


def test_it_ends_with_its_parents_pipe_and_removes_its_folder(tmp_path):
    """Standard input closed: the process ends cleanly, without link and folder."""
    link = tmp_path / "folder" / "gate"
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.sim.process", f"--link={link}", "--delay-ms=400",
         "--with-parent"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    assert link.is_symlink()
    process.stdin.close()
    assert process.wait(30) == 0
    process.stdout.close()
    assert not link.parent.exists()


def test_a_wrong_option_is_a_usage_error():
    """Used wrongly it says so and ends with 2."""
    wrong = [sys.executable, "-m", "agent.sim.process", "--nonsense"]
    result = subprocess.run(wrong, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "usage" in result.stderr


def test_a_cable_whose_host_hangs_up_is_plugged_anew(tmp_path):
    """The link then points to a fresh pty, without anything the old host left unread."""
    cable = Cable(tmp_path / "gate")
    cable.plug()
    first = os.open(tmp_path / "gate", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    cable.write(b"stale")
    os.write(first, b"last words")
    assert cable.read() == b"last words"
    os.close(first)
    assert cable.read() == b""
    second = os.open(tmp_path / "gate", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    with pytest.raises(BlockingIOError):
        os.read(second, 100)
    cable.write(b"\0fresh\n")
    assert os.read(second, 100) == b"\0fresh\n"
    os.close(second)
    cable.unplug()
    cable.unplug()
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None)
@given(st.integers(-5000, 5000), st.integers(0, 2**50), st.integers(0, 2**55))
def test_a_tick_is_reached_exactly_when_it_is_due(ppm, offset, after_ns):
    """The moment of a tick is the first at which the clock shows it."""
    oscillator = Oscillator(10**12, offset, ppm)
    tick = oscillator.tick(10**12 + after_ns)
    at_ns = oscillator.reached_ns(tick)
    assert at_ns <= 10**12 + after_ns
    assert oscillator.tick(at_ns) == tick
    assert oscillator.tick(at_ns - 1) < tick


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.integers(0, 1000))
def test_the_past_does_not_depend_on_when_one_looks(step_ms, seed):
    """Looked at rarely or often, the same parts met the gate at the same moments."""
    records = []
    for step_ns in (MS, step_ms * MS):
        clock = Oscillator(0)
        belt, firmware = Belt(30.0, 0.5, seed, 0, 30), Firmware(5, 0)
        witness, met, now_ns = Witness(belt, 400 * MS, clock, -(10**9)), [], 0
        while not witness.over:
            now_ns += step_ns
            met += witness.run(firmware, now_ns)
        records.append(met)
    assert records[0] == records[1]
    assert len(records[0]) == 30


@settings(deadline=None)
@given(st.integers(0, 2**32), st.lists(st.binary(max_size=20), max_size=30))
def test_a_line_without_faults_changes_nothing(seed, pieces):
    """All rates zero: whole frames come out in order, at once."""
    line, sent = LineFaults(FaultRates(), seed), b"".join(pieces) + b"\0"
    for piece in pieces:
        line.put(piece, 5)
    line.put(b"\0", 5)
    assert line.take(5) == sent
    assert line.due_ns is None


def test_a_line_with_faults_does_what_it_says():
    """Dropped, repeated, damaged and late frames are about as many as asked for."""
    frames = [b"frame-%04d\0" % n for n in range(2000)]
    counts = {}
    for name in ("drop", "corrupt", "repeat", "delay"):
        line = LineFaults(FaultRates(**{name: 0.2}), 3)
        for frame in frames:
            line.put(frame, 0)
        at_once, late = line.take(0), line.take(10**9)
        got = (at_once + late).split(b"\0")[:-1]
        whole = [frame for frame in got if frame + b"\0" in frames]
        counts[name] = {
            "drop": 2000 - len(got),
            "corrupt": 2000 - len(whole),
            "repeat": len(got) - 2000,
            "delay": late.count(b"\0"),
        }[name]
        line.clear()
        assert line.take(10**12) == b""
    assert all(300 < count < 520 for count in counts.values())
