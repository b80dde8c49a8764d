"""Pause and bypass of a running line, from the technician's command to the belt's own record."""

from __future__ import annotations

import json
import signal
import sqlite3

import pytest
from live_line import RENDERED, LiveLine, wait_until
from run_command import linewarden

from agent.audit.rows import CHAIN_NAME, parse_line
from agent.audit.verify import verify_folder
from agent.ledger.balance import read_balance
from agent.ledger.reader import Selection

pytestmark = pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}")


def events(line, kind):
    """Return the texts of the ledger's events of a kind."""
    path = line.folder / "ledger" / "ledger.sqlite"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return [row[0] for row in connection.execute("SELECT text FROM event WHERE kind=?", [kind])]
    finally:
        connection.close()


def deeds(line):
    """Return the audit chain's rows as (deed, who)."""
    lines = (line.folder / "ledger" / CHAIN_NAME).read_bytes().splitlines()
    return [(row.deed, row.who) for row in (parse_line(one).row for one in lines)]


def physically(line, reason):
    """Return what the belt saw of the parts whose rows have this reason."""
    keys = {(row["boot"], row["gate_part"]) for row in line.rows() if row["reason"] == reason}
    return [one["physically"] for one in line.met() if (one["boot"], one["part"]) in keys]


def test_a_line_is_paused_bypassed_and_resumed_by_name(tmp_path):
    """Paused parts are diverted, bypassed ones pass, each with its row; the chain names Anna."""
    with LiveLine(tmp_path, rate=10.0, parts=5000) as line:
        line.more = "[bypass]\nallowed = true\nmax_minutes = 5.0\n"
        line.start_gate()
        line.start_agent()
        who = ("--config", line.config, "--by", "Anna", "--why", "a trial")
        linewarden("line", "pause", *who)
        wait_until(lambda: len(physically(line, "paused")) >= 5, "paused parts at the gate")
        shown = json.loads(linewarden("line", "show", "--config", line.config, "--json"))
        assert (shown["mode"], shown["by"], shown["running"]) == ("paused", "Anna", True)
        linewarden("line", "bypass", *who, "--minutes", "6", code=1)
        linewarden("line", "bypass", *who, "--minutes", "5")
        wait_until(lambda: physically(line, "bypassed").count("passed") >= 5, "bypassed parts")
        linewarden("line", "resume", *who)
        count = len(line.rows())
        wait_until(
            lambda: any(row["verdict"] == "PASS" for row in line.rows()[count:]), "parts inspected"
        )
        assert line.stop_agent() == 0
        linewarden("line", "pause", *who, code=1)  # nobody is there to do it
        assert set(physically(line, "paused")) == {"diverted"}
        assert all(one["opened_for"] in (None, one["part"]) for one in line.met())
        rows = line.rows()
        assert all(row["verdict"] == "UNINSPECTED" for row in rows if row["reason"] == "bypassed")
    folder = tmp_path / "ledger"
    assert read_balance(folder, Selection()).balances
    assert verify_folder(folder, []).sound
    asked = [deed for deed, by in deeds(line) if by.startswith("Anna (")]
    assert asked == ["paused", "bypassed", "resumed"]


def test_a_killed_agent_comes_back_without_its_bypass(tmp_path):
    """Killed in a bypass: the next life inspects every part, and says that the bypass is over."""
    with LiveLine(tmp_path, rate=10.0, parts=5000) as line:
        line.more = "[bypass]\nallowed = true\n"
        line.start_gate()
        line.start_agent()
        linewarden("line", "bypass", "--config", line.config, "--by", "Anna", "--why", "a trial")
        wait_until(lambda: physically(line, "bypassed").count("passed") >= 3, "bypassed parts")
        line.kill_agent()
        before = len(line.rows())
        line.start_agent()
        wait_until(lambda: len(line.rows()) > before + 10, "parts of the second life")
        assert line.stop_agent() == 0
        assert all(row["reason"] != "bypassed" for row in line.rows()[before:])
    assert deeds(line).count(("resumed", "linewarden")) == 1


def test_a_welded_gate_is_found_out_and_latched_until_a_person_resumes(tmp_path):
    """A flap stuck open: rejected parts never reach the bin, the eye there says so, all is shut."""
    with LiveLine(tmp_path, rate=5.0, parts=5000) as line:
        line.gate_more = (
            'second_eye = "bin"\nsecond_eye_ms = 150.0\nsecond_eye_guard_ms = 40.0\n'
            'on_disagreement = "latch"\n'
        )
        line.more = "[timing]\nmin_pitch_ms = 80.0\n[bypass]\nallowed = true\n"
        line.start_gate("--second-eye=bin", "--second-eye-ms=150", "--flap=stuck_open")
        line.start_agent()
        wait_until(lambda: ("latched", "linewarden") in deeds(line), "a latched line")
        assert "call maintenance" in events(line, "gate_disagrees")[0]
        assert "was not seen in the bin" in events(line, "gate_disagrees")[0]
        who = ("--config", line.config, "--by", "Anna", "--why", "a trial")
        shown = json.loads(linewarden("line", "show", "--config", line.config, "--json"))
        assert shown["mode"] == "latched"
        linewarden("line", "bypass", *who, code=1)
        seen = len(line.rows())
        wait_until(lambda: len(line.rows()) >= seen + 8, "parts of the latched line")
        assert {row["reason"] for row in line.rows()[seen:-2]} <= {"gate", "too_close"}
        line.kill_agent()
        line.start_agent()
        shown = json.loads(linewarden("line", "show", "--config", line.config, "--json"))
        assert shown["mode"] == "latched"
        linewarden("line", "resume", *who)
        assert "resumed" in {deed for deed, by in deeds(line) if by.startswith("Anna (")}
        assert line.stop_agent() == 0


def permits(line):
    """Return what the belt's contactor was given, in order, from the belt's own record."""
    entries = (json.loads(one) for one in line.record.read_text().splitlines() if one.endswith("}"))
    return [entry["may_run"] for entry in entries if entry.get("event") == "belt"]


def test_a_welded_gate_stops_the_belt_until_a_person_resumes(tmp_path):
    """Neither the agent's death nor the controller's lets it run again; only Anna's word does."""
    with LiveLine(tmp_path, rate=5.0, parts=5000) as line:
        line.gate_more = (
            'second_eye = "bin"\nsecond_eye_ms = 150.0\nsecond_eye_guard_ms = 40.0\n'
            'on_disagreement = "stop"\n'
        )
        line.more = "[timing]\nmin_pitch_ms = 80.0\n"
        eye = ("--second-eye=bin", "--second-eye-ms=150", "--flap=stuck_open")
        gate = line.start_gate(*eye)
        line.start_agent()
        wait_until(lambda: events(line, "belt_stopped"), "a belt that stands")
        assert permits(line) == [True, False]
        shown = ("line", "show", "--config", line.config, "--json")
        wait_until(lambda: json.loads(linewarden(*shown))["mode"] == "latched", "a latched line")
        line.kill_agent()
        line.start_agent()
        wait_until(lambda: len(events(line, "belt_stopped")) == 2, "the agent's word for it")
        gate.send_signal(signal.SIGUSR2)  # the controller's power goes and comes
        wait_until(lambda: events(line, "gate_restart"), "the controller's return")
        seen = len(line.rows())
        wait_until(lambda: len(line.rows()) >= seen + 5, "parts of the stopped line")
        assert permits(line) == [True, False]
        who = ("--config", line.config, "--by", "Anna", "--why", "the flap is mended")
        linewarden("line", "resume", *who)
        wait_until(lambda: permits(line)[2:3] == [True], "a belt that may run again")
        assert "resumed" in {deed for deed, by in deeds(line) if by.startswith("Anna (")}
        assert line.stop_agent() == 0
