"""Each lane of a running agent dies, stumbles or hangs: nothing passes wrongly, and it ends."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from live_line import RENDERED

from agent.clock import SystemClock
from agent.config.document import parse_config
from agent.notify import Notifier
from agent.records import VerdictKind
from agent.service import Service
from agent.sim.judge import judge, read_record

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]
LANES = ("capture", "inspection", "gate", "recorder", "telemetry")


class Systemd(Notifier):
    """Counts how often the watchdog was fed."""

    def __init__(self):
        super().__init__(None)
        self.fed = 0

    def alive(self, status):
        """Count it."""
        self.fed += 1


class Agent:
    """A running agent with a simulated line of twenty parts a second, in a thread of this test."""

    def __init__(self, folder):
        text = (
            f'[camera]\ndriver = "sim"\ndeck = 4\n[belt]\nrate_per_s = 20.0\n'
            f'[model]\nbundle = "{RENDERED}"\n[gate]\ndriver = "sim"\nrecord = "belt.jsonl"\n'
            '[ledger]\nfolder = "ledger"\npicture_quota_mb = 0\n'
        )
        self.folder = folder
        self.systemd = Systemd()
        self.service = Service(parse_config(text, folder=folder), SystemClock(), self.systemd)
        self.stop = threading.Event()
        self.healthy = None
        self._thread = threading.Thread(target=self._run, name="agent-under-test")
        self._thread.start()

    def _run(self):
        self.healthy = self.service.run(self.stop)

    def passed(self):
        """Return how many parts have a PASS."""
        return self.service.tally.snapshot().verdicts[VerdictKind.PASS]

    def ends(self, patience_s=60):
        """Wait until the agent has ended by itself."""
        self._thread.join(patience_s)
        return not self._thread.is_alive()

    def judged(self):
        """Return the judge's word on the belt's own record and the ledger's file."""
        path = self.folder / "ledger" / "ledger.sqlite"
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            rows = connection.execute("SELECT boot, gate_part, verdict FROM part").fetchall()
        finally:
            connection.close()
        return judge(read_record((self.folder / "belt.jsonl").read_text().splitlines()), rows)


@pytest.fixture
def agent(tmp_path, wait_until):
    """Return an agent that has passed some parts."""
    agent = Agent(tmp_path)
    try:
        wait_until(lambda: agent.passed() > 5, 60)
        yield agent
    finally:
        agent.stop.set()
        assert agent.ends()
        agent.service._gate.close()  # a dead gate lane cannot; the process's end would


def dies():
    """End the thread: not even the lane's broad handler sees this."""
    raise SystemExit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("name", LANES)
def test_an_agent_with_a_dead_lane_ends_and_leaves_the_gate_rejecting(agent, monkeypatch, name):
    """Row 63: the process goes, to be started anew; no part passed without its own PASS."""
    lane = getattr(agent.service.lanes, name)
    monkeypatch.setattr(lane, "step", dies)
    assert agent.ends()
    assert agent.healthy is False
    found = agent.judged()
    assert found.safe, found.wrong_part
    assert found.passed > 3
    assert not found.double_rows


@pytest.mark.parametrize("name", LANES)
def test_a_fault_in_a_lane_is_answered_for_and_it_goes_on(agent, monkeypatch, wait_until, name):
    """A bug that shows once costs a part or a moment, never the line."""
    lane = getattr(agent.service.lanes, name)
    step, faults = lane.step, iter([RuntimeError("a bug")])

    def stumbles():
        for fault in faults:
            raise fault
        step()

    monkeypatch.setattr(lane, "step", stumbles)
    wait_until(lambda: lane.faults == 1)
    before = agent.passed()
    wait_until(lambda: agent.passed() > before + 5, 60)
    assert agent.healthy is None
    agent.stop.set()
    assert agent.ends()
    assert agent.healthy
    found = agent.judged()
    assert found.safe
    assert not found.double_rows


@pytest.mark.parametrize("name", ["inspection", "recorder"])
def test_a_lane_that_hangs_starves_the_watchdog_and_passes_nothing(
    agent, monkeypatch, wait_until, name
):
    """Row 4: an engine or a disk that never answers; systemd then ends the process."""
    monkeypatch.setattr("agent.supervisor.STALE_AFTER_NS", 500_000_000)
    released, hangs = threading.Event(), threading.Event()

    def hang():
        hangs.set()
        released.wait(60)

    lane = getattr(agent.service.lanes, name)
    monkeypatch.setattr(lane, "step", hang)
    try:
        assert hangs.wait(30)
        wait_until(agent.service._supervisor.stale)
        lane_name = agent.service._supervisor.stale()
        fed = agent.systemd.fed
        seen = agent.service.tally.snapshot()
        wait_until(lambda: agent.service.tally.snapshot().triggers > seen.triggers + 30, 60)
        assert agent.systemd.fed == fed
        assert lane_name == [lane.name]
    finally:
        released.set()
    agent.stop.set()
    assert agent.ends()
    assert agent.judged().safe
