"""What a running agent tells: its audit rows, its metrics, and a line that has drifted."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import threading
import urllib.request

import numpy as np
import psutil
import pytest
from bundles import write_scripted
from live_line import RENDERED

from agent.audit.chain import who_runs
from agent.audit.rows import CHAIN_NAME, find_anchors, parse_line
from agent.audit.verify import verify_folder
from agent.clock import SystemClock
from agent.config.document import parse_config
from agent.errors import GateError
from agent.ledger.balance import read_balance
from agent.ledger.reader import Selection
from agent.notify import Notifier
from agent.records import GateOutcome, Judged, OutcomeCode, Part, Trigger, Verdict, VerdictKind
from agent.service import Service

needs_bundle = pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}")


def config(tmp_path, more="", *, bundle=RENDERED, gate='"sim"'):
    """Return a desk with a simulated line of ten parts a second."""
    return parse_config(
        f"""[camera]
driver = "sim"
deck = 4
[model]
bundle = "{bundle}"
[gate]
driver = {gate}
[ledger]
folder = "ledger"
picture_quota_mb = 0
{more}""",
        folder=tmp_path,
    )


@pytest.fixture
def start(tmp_path):
    """Return a starter of agents in this process; whatever was started is stopped."""
    made = []

    def begin(more=""):
        service = Service(config(tmp_path, more), SystemClock(), Notifier(None))
        made.append(service)
        service.start()
        return service

    yield begin
    for service in made:
        service.stop()


def rows(tmp_path):
    """Return the audit chain's rows."""
    lines = (tmp_path / "ledger" / CHAIN_NAME).read_bytes().splitlines()
    return [parse_line(line).row for line in lines]


def events(tmp_path, kind):
    """Return the texts of the ledger's events of a kind."""
    path = tmp_path / "ledger" / "ledger.sqlite"
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT text FROM event WHERE kind = ? ORDER BY number", [kind])
        return [row[0] for row in found]
    finally:
        connection.close()


def state(service):
    """Return the state as the agent would publish it now."""
    return json.loads(service._reporter.state(service._condition()))


def listening():
    """Return the ports on which this process listens."""
    connections = psutil.Process().net_connections("inet")
    return {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}


def free_port():
    """Return a port that was free a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@needs_bundle
def test_a_started_agent_leaves_audit_rows_that_name_who(start, tmp_path):
    """Started, which model by which thresholds, stopped; every row stands in the events too."""
    service = start()
    heard = state(service)["audit"]
    service.stop()
    assert [row.deed for row in rows(tmp_path)] == [
        "begun", "started", "model", "threshold", "stopped",
    ]  # fmt: skip
    assert {row.who for row in rows(tmp_path)[1:]} == {who_runs()}
    assert rows(tmp_path)[2].detail["now"] == service.model_title
    assert rows(tmp_path)[-1].text == "the agent was asked to stop"
    anchors = [anchor for text in events(tmp_path, "audit") for anchor in find_anchors(text)]
    assert [anchor.number for anchor in anchors] == [2, 3, 4, 5]
    assert anchors[2].text == heard
    assert verify_folder(tmp_path / "ledger", anchors).sound


@needs_bundle
def test_the_second_start_says_only_what_is_new(start, tmp_path):
    """The same model by the same thresholds is no news."""
    for _ in range(2):
        start().stop()
    assert [row.deed for row in rows(tmp_path)][4:] == ["stopped", "started", "stopped"]


@needs_bundle
def test_a_line_that_cannot_note_its_deeds_runs_all_the_same(start, tmp_path, wait_until):
    """The event `audit_lost` says so, and parts are judged."""
    (tmp_path / "ledger" / CHAIN_NAME).mkdir(parents=True)
    service = start()
    wait_until(lambda: service.tally.snapshot().verdicts[VerdictKind.PASS] > 0, 60)
    assert state(service)["audit"] == ""
    service.stop()
    assert len(events(tmp_path, "audit_lost")) == 4
    assert events(tmp_path, "audit") == []


def test_an_agent_that_never_started_notes_no_stop(tmp_path):
    """Its gate is not there: nobody has started the line, and nobody stopped it."""
    write_scripted(tmp_path / "m.lwb")
    desk = config(tmp_path, bundle="m.lwb", gate='"controller"\nport = "nowhere"')
    with pytest.raises(GateError):
        Service(desk, SystemClock(), Notifier(None)).run(threading.Event())
    assert not (tmp_path / "ledger" / CHAIN_NAME).exists()


@needs_bundle
def test_a_lane_that_died_is_told_as_the_reason_of_the_stop(start, tmp_path, monkeypatch):
    """Nobody asked for it, and the chain does not say so."""
    service = start()
    monkeypatch.setattr(service._supervisor, "dead", lambda: ["inspect"])
    assert not service._check()
    service.stop()
    assert rows(tmp_path)[-1].text == "lane inspect died"


def numbers(text):
    """Return the samples of a Prometheus text as {name{labels}: value}."""
    found = re.findall(r"^(linewarden_\S+) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


@needs_bundle
def test_the_port_answers_with_the_numbers_of_the_state(start, wait_until):
    """Without a broker nobody else builds a state: it is built for whoever reads the port."""
    port = free_port()
    service = start(f"[mqtt]\nstate_every_s = 0.2\n[metrics]\nport = {port}\n")
    wait_until(lambda: service.tally.snapshot().verdicts[VerdictKind.PASS] > 2, 60)

    def read():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            shown = numbers(answer.read().decode())
        return shown, service._reporter._last[1]

    wait_until(lambda: read()[0]["linewarden_triggers_total"] > 5, 60)
    shown, last = read()
    kinds = {
        kind: shown[f'linewarden_parts{{verdict="{kind}"}}']
        for kind in ("PASS", "REJECT", "RECHECK", "UNINSPECTED")
    }
    account = last.balance
    assert kinds == {
        "PASS": account.passed,
        "REJECT": account.rejected,
        "RECHECK": account.rechecked,
        "UNINSPECTED": account.uninspected,
    }
    assert shown["linewarden_triggers_total"] == account.triggers == sum(kinds.values())
    assert shown["linewarden_backlog"] == last.backlog
    assert shown['linewarden_drift{figure="score"}'] == 0
    assert shown["linewarden_reject_trend"] == 0
    first = shown["linewarden_state_time_seconds"]
    wait_until(lambda: read()[0]["linewarden_state_time_seconds"] > first)
    service.stop()
    assert port not in listening()


@needs_bundle
def test_without_a_port_nothing_listens(start):
    """No thread either; off is the default."""
    before = listening()
    start()
    assert listening() == before
    assert "lw-metrics" not in {thread.name for thread in threading.enumerate()}


@needs_bundle
def test_a_port_that_is_taken_costs_the_metrics_and_not_the_line(start, tmp_path):
    """An event says so; the model judges."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        service = start(f"[metrics]\nport = {taken.getsockname()[1]}\n")
        assert service.ready
        service.stop()
    assert "metrics.port" in events(tmp_path, "metrics_lost")[0]


class Belt:
    """Hands complete parts to an agent's recorder, as its gate lane does."""

    def __init__(self, service):
        self._service = service
        self._boot = 1
        self._number = 0

    def parts(self, count, mean, seed):
        """Let parts with scores around a mean go by."""
        clock, box = SystemClock(), self._service._boxes.recorder
        for score in np.random.default_rng(seed).normal(mean, 0.02, count):
            self._number += 1
            seq = self._service._ledger.sequencer.next()
            part = Part(seq, Trigger(self._boot, self._number, clock.now_ns()))
            verdict = Verdict(part, VerdictKind.REJECT, score=float(score), model="scripted-1.0.0")
            outcome = GateOutcome(
                self._boot, self._number, OutcomeCode.REJECTED, clock.now_ns()
            )  # fmt: skip
            for item in (part, Judged(verdict, np.full((8, 8), 120, np.uint8)), outcome):
                assert box.put(item)


@pytest.mark.broker
def test_a_drifted_line_tells_the_plant_and_its_balance_is_untouched(
    tmp_path, mosquitto, subscribe, wait_until
):
    """The event and the state as a subscriber gets them; the ledger's file by its own check."""
    write_scripted(tmp_path / "m.lwb")
    heard = subscribe(mosquitto.port, "linewarden/#")
    more = f'[mqtt]\nhost = "127.0.0.1"\nport = {mosquitto.port}\nstate_every_s = 0.2\n'
    service = Service(config(tmp_path, more, bundle="m.lwb"), SystemClock(), Notifier(None))
    lanes = [service.lanes.recorder, service.lanes.telemetry]

    def bodies(kind):
        return [json.loads(one.payload) for one in heard.messages if one.topic.endswith(f"/{kind}")]

    def drifting():
        return bodies("state") and any(one["drifting"] for one in bodies("state")[-1]["drift"])

    belt = Belt(service)
    for lane in lanes:
        lane.start()
    try:
        belt.parts(700, 0.2, 1)
        wait_until(lambda: len(bodies("result")) >= 700, 60)
        assert not drifting()
        belt.parts(100, 0.3, 2)
        wait_until(drifting, 60)
        wait_until(lambda: "drift" in {one["kind"] for one in bodies("event")}, 60)
    finally:
        for lane in lanes:
            lane.stop()
            lane.wait(30)
        service.stop()
    (event,) = [one for one in bodies("event") if one["kind"] == "drift"]
    assert "score no longer looks like the first 500 parts" in event["text"]
    figures = {one["name"]: one for one in bodies("state")[-1]["drift"]}
    assert figures["score"]["drifting"]
    assert figures["score"]["source"] == "first parts"
    assert not figures["brightness"]["drifting"]
    report = read_balance(tmp_path / "ledger", Selection())
    assert report.balances, report.faults
    assert (report.total.triggers, report.total.rejected) == (800, 800)
