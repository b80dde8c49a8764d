"""The model's time here is held against the line's, and who else runs is a note."""

import os
import pty

from bundles import write_scripted
from live_line import RENDERED

from agent.cli import check_config
from agent.clock import ManualClock
from agent.config.document import parse_config
from agent.engines.scripted import ScriptedEngine
from agent.ledger.disk import FolderLock
from agent.precheck.check import check

SIM = '[gate]\ndriver = "sim"\n'
MS = 1_000_000


LEDGER = '[ledger]\nfolder = "state"\n'


def said(tmp_path, times_ms, timing="", gate=SIM, ledger=LEDGER):
    """Return what is said of a line whose model takes so long, again and again."""
    (tmp_path / "pictures").mkdir(exist_ok=True)
    (tmp_path / "pictures" / "part.png").touch()
    write_scripted(tmp_path / "m.lwb")
    text = (
        '[camera]\ndriver = "replay"\nfolder = "pictures"\n[model]\nbundle = "m.lwb"\n'
        f"{ledger}{gate}[timing]\n{timing}"
    )
    clock, calls = ManualClock(), iter(range(1000))

    def wait():
        clock.advance(round(times_ms[next(calls) % len(times_ms)] * MS))

    def opener(model):
        assert model == b"scripted"
        return ScriptedEngine([(0.0, 1.0)], 32, 32, delay=wait)

    return check(parse_config(text, folder=tmp_path), clock, opener)


def test_a_model_in_time_is_nothing_to_speak_of(tmp_path):
    """The usual delay of 400 ms leaves 349."""
    assert said(tmp_path, [300]).faults == []
    assert said(tmp_path, [300]).notes == []


def test_a_delay_that_leaves_the_model_no_time_is_refused_with_the_one_that_does(tmp_path):
    """53.2 ms leave 0.2; with 6 ms a verdict the delay must be 59, and with that it is fine."""
    (fault,) = said(tmp_path, [6], "delay_ms = 53.2\nframe_within_ms = 17\n").faults
    assert fault.startswith("timing.delay_ms 53.2: the model takes 6.0 ms here (median of 7 ")
    assert "leaves it 0.2 ms" in fault
    assert "timing.delay_ms 59 is enough" in fault
    assert said(tmp_path, [6], "delay_ms = 59\nframe_within_ms = 17\n").faults == []


def test_a_model_that_is_slow_now_and_then_is_a_note(tmp_path):
    """The median is in time and the slowest is not: some parts could be late."""
    looked = said(tmp_path, [4, 4, 9], "delay_ms = 56\n")
    assert looked.faults == []
    (note,) = looked.notes
    assert "slowest of 7 verdicts took 9.0 ms" in note
    assert "leaves 5.0 ms" in note


def test_a_slow_model_is_timed_only_a_few_times(tmp_path):
    """A model of half a minute would keep the technician waiting."""
    (fault,) = said(tmp_path, [30_000]).faults
    assert "median of 1 verdict)" in fault


def test_the_fastest_belt_of_an_encoder_counts(tmp_path):
    """The delay is said in ticks, as it stands in the file."""
    master, slave = pty.openpty()
    try:
        gate = (
            f'[gate]\ndriver = "controller"\nport = "{os.ttyname(slave)}"\ndelay_ticks = 540\n'
            "guard_ticks = 80\nmin_pitch_ticks = 170\nmax_ticks_per_s = 10000\n"
        )
        (fault,) = said(tmp_path, [6], gate=gate).faults
    finally:
        os.close(master)
        os.close(slave)
    assert fault.startswith("gate.delay_ticks, 54.0 ms at gate.max_ticks_per_s 10000: ")
    assert "leaves it 3.0 ms" in fault
    assert "gate.delay_ticks 570 is enough" in fault


def test_beside_a_running_agent_both_are_notes(tmp_path):
    """That it runs is no fault, and the time measured beside it is not the model's alone."""
    (tmp_path / "state").mkdir()
    lock = FolderLock(tmp_path / "state")
    try:
        looked = said(tmp_path, [6], "delay_ms = 53.2\nframe_within_ms = 17\n")
    finally:
        lock.release()
    assert looked.faults == []
    runs, late = looked.notes
    assert runs.startswith(f"an agent (process {os.getpid()}) runs on the ledger in ")
    assert late.endswith("(timed beside the running agent)")


def test_who_has_the_gates_port_is_a_note(tmp_path):
    """Here it is this test that has it open."""
    master, slave = pty.openpty()
    try:
        port = os.ttyname(slave)
        gate = f'[gate]\ndriver = "controller"\nport = "{port}"\n'
        (note,) = said(tmp_path, [6], gate=gate).notes
    finally:
        os.close(master)
        os.close(slave)
    assert note.startswith(f"gate.port: {port} is taken by ")
    assert f"(process {os.getpid()})" in note


def test_a_model_that_cannot_run_here_is_refused(tmp_path):
    """What the start would refuse is said before it: this file is no model."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "part.png").touch()
    write_scripted(tmp_path / "m.lwb")
    text = (
        '[camera]\ndriver = "replay"\nfolder = "pictures"\n[model]\nbundle = "m.lwb"\n'
        f'[ledger]\nfolder = "state"\n{SIM}'
    )
    (fault,) = check(parse_config(text, folder=tmp_path), ManualClock()).faults
    assert fault.startswith("model.bundle: ")
    assert "the model cannot be loaded here" in fault


def test_rows_that_wait_for_others_take_their_time_from_the_verdict(tmp_path):
    """A PASS is released once its row is committed: 200 ms of 349 are left, less than 210."""
    timing = "[ledger]\nfolder = 'state'\ngroup_ms = 149\n"
    (fault,) = said(tmp_path, [210], ledger=timing).faults
    assert "leaves it 200.0 ms" in fault
    assert "ledger.group_ms" in fault
    assert said(tmp_path, [190], ledger=timing).faults == []


def test_a_mark_that_cannot_be_read_is_said_once(tmp_path):
    """It keeps the model from being timed, and is a fault of its own."""
    more = 'delay_ms = 300\n[quality]\nreference = "none.png"\n'
    (fault,) = said(tmp_path, [6], more).faults
    assert "none.png" in fault


def test_the_command_prints_notes_and_then_that_all_is_fine(tmp_path, capsys):
    """A note does not change the answer: exit code 0, and nothing on the error output."""
    path = tmp_path / "agent.toml"
    path.write_text(
        f'[camera]\ndriver = "sim"\n[model]\nbundle = "{RENDERED}"\n[gate]\ndriver = "sim"\n'
        '[ledger]\nfolder = "state"\n[timing]\ndelay_ms = 10000\nmax_in_flight = 102\n'
    )
    (tmp_path / "state").mkdir()
    lock = FolderLock(tmp_path / "state")
    try:
        check_config(path)
    finally:
        lock.release()
    out, err = capsys.readouterr()
    first, last = out.splitlines()
    assert first.startswith(f"note: an agent (process {os.getpid()}) runs on ")
    assert last == f"{path}: fine"
    assert err == ""
