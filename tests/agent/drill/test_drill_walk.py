"""The drill on a simulated gate: what is asked, what the gate itself says, what is written down."""

from __future__ import annotations

import hashlib
import json
import signal

import pytest
from drill_talk import Script
from gate_process import CLOCK, SECOND, GateProcess
from relay_board import RelayBoard
from run_command import linewarden

from agent.audit.rows import CHAIN_NAME, parse_line
from agent.audit.verify import verify_folder
from agent.config.document import parse_config
from agent.drill.plays import Stage
from agent.drill.record import Record
from agent.drill.station import Station
from agent.drill.steps import Fault, known_open
from agent.drill.walk import drill, fire_once
from agent.errors import DrillError, LedgerError
from agent.ledger.disk import FolderLock
from agent.line.files import LineState, write_state
from agent.line.mode import ModeKind
from agent.records import OutcomeCode

TIMING = "[timing]\ndelay_ms = 400.0\nguard_ms = 20.0\nmin_pitch_ms = 40.0\n"
ROOMY = "[timing]\ndelay_ms = 1000.0\nguard_ms = 80.0\nmin_pitch_ms = 600.0\n"
HAND = '[trigger]\ndriver = "interval"\n'


def desk(folder, gate, more=TIMING):
    """Write and read a configuration."""
    text = (
        '[camera]\ndriver = "sim"\n[model]\nbundle = "m.lwb"\n[ledger]\nfolder = "ledger"\n'
        f"[gate]\n{gate}\n{more}"
    )
    path = folder / "agent.toml"
    path.write_text(text)
    return parse_config(text, folder=folder), path


def stage(folder, talk, gate, more=TIMING, patience_s=15.0):
    """Return a drill's stage on this gate."""
    config, path = desk(folder, gate, more)
    return Stage(config, path, talk, CLOCK, patience_s)


def controller(process):
    """Return the section of a controller."""
    return f'driver = "controller"\nport = "{process.link}"'


def modbus(board, wiring="energise_to_pass"):
    """Return the section of a relay board."""
    return (
        f'driver = "modbus"\nport = "{board.link}"\nwiring = "{wiring}"\npulse_ms = 300\n'
        "reply_ms = 300.0\n"
    )


def deeds(folder):
    """Return the audit rows."""
    lines = (folder / "ledger" / CHAIN_NAME).read_bytes().splitlines()
    return [parse_line(line).row for line in lines]


def test_a_sound_gate_holds_in_every_step_by_its_own_word_too(tmp_path):
    """A real controller process: killed host, pulled cable, late, crowded, silent; all diverted."""
    # Bunched parts, so that now and then two are on their way at one time.
    options = {"rate": 4, "jitter": 0.3, "start_ns": CLOCK.now_ns() + SECOND, "unplug_s": 3.0}
    with GateProcess(tmp_path, **options) as process:
        pull = [lambda: process.signal(signal.SIGUSR1)]
        talk = Script(deeds={"cable_out": pull, "controller_dead": [*pull]})
        path, record = drill(stage(tmp_path, talk, controller(process)), "Anna")
    assert talk.asked == [fault.value for fault in Fault if fault is not Fault.BELT_STOP]
    assert record.holds, record.results
    reported = {result.fault.value: result.reported for result in record.results}
    for fault in ("late_verdict", "no_frame", "model_error", "disk_full"):
        assert "parts reported, 0 of them let through" in reported[fault]
    assert reported["cable_out"].startswith("lost and found again")
    assert "parts reported, 0 of them let through" in reported["process_dead"]
    signed = Record.model_validate_json(path.read_bytes())
    assert (signed.signed, signed.holds) == ("Anna", True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest in path.with_suffix(".txt").read_text()
    last = deeds(tmp_path)[-1]
    assert (last.deed, last.detail["sha256"]) == ("drilled", digest)
    assert last.who.startswith("Anna (")
    assert verify_folder(tmp_path / "ledger", []).sound
    assert not (path.parent / "open.json").exists()


def test_a_gate_that_says_another_thing_than_the_technician_fails(tmp_path):
    """The gate reports no part let through and the technician saw one pass: it is welded."""
    with GateProcess(tmp_path, rate=4, start_ns=CLOCK.now_ns() + SECOND) as process:
        answers = dict.fromkeys((fault.value for fault in Fault), None)
        talk = Script({**answers, "no_frame": False})
        _path, record = drill(stage(tmp_path, talk, controller(process)), "Anna")
    result = next(one for one in record.results if one.fault is Fault.NO_FRAME)
    assert (result.contradicted, result.verdict) == (True, "FAILED")
    assert not record.holds


def test_a_step_that_was_left_out_is_no_proof(tmp_path):
    """Skipped is written down as such, and the whole does not hold."""
    with RelayBoard(tmp_path) as board:
        talk = Script({"host_dead": None})
        _path, record = drill(stage(tmp_path, talk, modbus(board), ROOMY + HAND), "Anna")
    assert [one.fault for one in record.results if one.verdict == "skipped"] == [Fault.HOST_DEAD]
    assert not record.holds


def test_a_relay_is_drilled_by_hand_and_known_gaps_are_named(tmp_path):
    """energise_to_reject without power is open: said before, and no failure."""
    with RelayBoard(tmp_path) as board:
        gate = modbus(board, "energise_to_reject")
        here = stage(tmp_path, None, gate, ROOMY + HAND)
        gaps = known_open(here.config.gate)
        talk = Script({fault.value: fault not in gaps for fault in Fault})
        _path, record = drill(stage(tmp_path, talk, gate, ROOMY + HAND), "Anna")
    verdicts = {one.fault: one.verdict for one in record.results}
    assert {fault for fault, word in verdicts.items() if word == "open as documented"} == gaps
    assert gaps == {
        Fault.PROCESS_DEAD, Fault.HOST_DEAD, Fault.CABLE_OUT, Fault.CONTROLLER_DEAD,
    }  # fmt: skip
    assert record.holds


def test_a_drill_goes_on_where_it_was_broken_off(tmp_path):
    """This computer's plug was pulled: what was answered is there, and only the rest is asked."""
    with RelayBoard(tmp_path) as board:
        gate = modbus(board)
        broken = Script({"late_verdict": DrillError("nobody answers any more")})
        with pytest.raises(DrillError):
            drill(stage(tmp_path, broken, gate, ROOMY + HAND), "Anna")
        with pytest.raises(DrillError, match="of another gate or person"):
            drill(stage(tmp_path, Script(), gate, ROOMY + HAND), "Berta")
        talk = Script()
        _path, record = drill(stage(tmp_path, talk, gate, ROOMY + HAND), "Anna")
    assert talk.asked[0] == "late_verdict"
    assert [result.fault for result in record.results] == list(record.faults)


def test_a_record_is_signed_by_who_drilled_or_not_at_all(tmp_path):
    """Another name writes nothing; the answers are kept."""
    with RelayBoard(tmp_path) as board:
        with pytest.raises(DrillError, match="not signed"):
            drill(stage(tmp_path, Script(sign="Berta"), modbus(board), ROOMY + HAND), "Anna")
        assert not list((tmp_path / "ledger" / "drills").glob("drill-*"))
        talk = Script()
        path, _record = drill(stage(tmp_path, talk, modbus(board), ROOMY + HAND), "Anna")
    assert talk.asked == []
    assert path.exists()


def test_nothing_is_drilled_or_fired_while_the_agent_runs(tmp_path):
    """It holds the ledger; so does the drill, so that it cannot be started meanwhile."""
    (tmp_path / "ledger").mkdir()
    lock = FolderLock(tmp_path / "ledger")
    try:
        with RelayBoard(tmp_path) as board:
            here = stage(tmp_path, Script(), modbus(board), ROOMY + HAND)
            with pytest.raises(LedgerError, match="stop it first"):
                drill(here, "Anna")
            with pytest.raises(LedgerError, match="stop it first"):
                fire_once(here.config, "Anna", "a test", CLOCK, 1.0)
            assert board.flashes() == []
    finally:
        lock.release()


def test_the_gate_is_fired_once_for_one_part_and_noted_before(tmp_path):
    """The next part passes by its own number; those behind it do not."""
    options = {"rate": 4, "jitter": 0.1, "start_ns": CLOCK.now_ns() + SECOND}
    with GateProcess(tmp_path, **options) as process:
        config, _path = desk(tmp_path, controller(process))
        assert fire_once(config, "Anna", "new flap", CLOCK, 30.0) is OutcomeCode.PASSED
        passed = [part for part in process.parts() if part.passed]
    assert len(passed) == 1
    fired = deeds(tmp_path)[-1]
    assert (fired.deed, "new flap" in fired.text) == ("fired", True)


def test_a_relay_is_fired_at_once_by_one_pulse(tmp_path):
    """No photo-eye is waited for."""
    with RelayBoard(tmp_path) as board:
        config, _path = desk(tmp_path, modbus(board), ROOMY + HAND)
        assert fire_once(config, "Anna", "a test", CLOCK, 10.0) is OutcomeCode.PASSED
        assert len(board.flashes()) == 1


def test_a_gate_that_cannot_be_noted_is_not_fired(tmp_path):
    """No audit row, no pulse."""
    (tmp_path / "ledger" / CHAIN_NAME).mkdir(parents=True)
    with RelayBoard(tmp_path) as board:
        config, _path = desk(tmp_path, modbus(board), ROOMY + HAND)
        with pytest.raises(LedgerError):
            fire_once(config, "Anna", "a test", CLOCK, 5.0)
        assert board.frames == []


def test_without_a_part_nothing_is_fired(tmp_path):
    """A photo-eye that sees none is said."""
    with GateProcess(tmp_path) as process:
        config, _path = desk(tmp_path, controller(process))
        with pytest.raises(DrillError, match="no part came"):
            fire_once(config, "Anna", "a test", CLOCK, 1.0)


def test_the_commands_answer_a_program(tmp_path):
    """`--answers` for a rehearsal on the simulated gate, `--json`, and exit code 1 for a gap."""
    _config, path = desk(tmp_path, 'driver = "sim"', TIMING + "[belt]\nrate_per_s = 5.0\n")
    answers = tmp_path / "answers.json"
    told = {fault.value: "y" for fault in Fault} | {"sign": "Anna"}
    answers.write_text(json.dumps({**told, "host_dead": "s"}))
    command = ("gate", "drill", "--config", path, "--by", "Anna", "--answers", answers, "--json")
    last = linewarden(*command, "--patience", "10", code=1).splitlines()[-1]
    assert json.loads(last)["holds"] is False
    answers.write_text(json.dumps(told))
    last = linewarden(*command, "--patience", "10").splitlines()[-1]
    assert json.loads(last)["holds"] is True
    fired = linewarden("gate", "test", "--config", path, "--by", "Anna", "--yes", "--json")
    assert json.loads(fired) == {"outcome": "passed"}


@pytest.mark.parametrize(
    "content", ["", "[]", '{"cable": "y"}', '{"cable_out": "maybe"}', '{"sign": 3}', "[" * 10_000]
)
def test_wrong_answers_are_said_in_one_line(tmp_path, content):
    """Before the gate is touched."""
    _config, path = desk(tmp_path, 'driver = "sim"')
    answers = tmp_path / "answers.json"
    answers.write_text(content)
    linewarden("gate", "drill", "--config", path, "--by", "A", "--answers", answers, code=1)


STOPS = '\nsecond_eye = "bin"\nsecond_eye_guard_ms = 20.0\non_disagreement = "stop"'


@pytest.mark.parametrize(("stood", "verdict"), [(True, "holds"), (False, "FAILED")])
def test_a_belt_that_is_to_stop_is_stopped_in_the_drill(tmp_path, stood, verdict):
    """The controller takes its permit away and gives it back; the technician says what it did."""
    with GateProcess(tmp_path, parts=0) as process:
        talk = Script({**dict.fromkeys((fault.value for fault in Fault), None), "belt_stop": stood})
        path, record = drill(
            stage(tmp_path, talk, controller(process) + STOPS, patience_s=0.1), "Anna"
        )
        orders = [line for line in process.record.read_text().splitlines() if "may_run" in line]
    assert "belt_stop" in talk.asked
    result = next(one for one in record.results if one.fault is Fault.BELT_STOP)
    assert (result.verdict, result.contradicted) == (verdict, not stood)
    assert result.reported == "permit taken away and given back"
    assert [json.loads(line)["may_run"] for line in orders].count(False) >= 1
    assert ("belt stood" if stood else "belt ran on") in path.with_suffix(".txt").read_text()


def test_a_belt_of_a_latched_line_is_no_proof(tmp_path):
    """It stands already: the step says so, and tries nothing."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    write_state(folder, LineState(mode=ModeKind.LATCHED, why="part 7"))
    with GateProcess(tmp_path, parts=0) as process:
        talk = Script(dict.fromkeys((fault.value for fault in Fault), None))
        config = stage(tmp_path, talk, controller(process) + STOPS, patience_s=0.1)
        _path, record = drill(config, "Anna")
    result = next(one for one in record.results if one.fault is Fault.BELT_STOP)
    assert (result.verdict, "latched" in result.reported) == ("skipped", True)


@pytest.mark.parametrize("latched", [False, True])
def test_the_drill_lets_a_belt_run_that_nobody_has_stopped(tmp_path, latched):
    """It stands in the agent's place: the belt of a latched line stands, as it would for that."""
    with GateProcess(tmp_path, parts=0) as process:
        config, _path = desk(tmp_path, controller(process) + STOPS)
        folder = tmp_path / "ledger"
        folder.mkdir()
        if latched:
            write_state(folder, LineState(mode=ModeKind.LATCHED, why="part 7"))
        station = Station(config, CLOCK, passes=False)
        station.open()
        station.serve_until(lambda: station.gate._run.due_ns is None, 10.0)
        station.close()
        assert ("may_run" in process.record.read_text()) is not latched
