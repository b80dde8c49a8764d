"""Who has the ledger's folder is told by its lock."""

from __future__ import annotations

import fcntl

from agent.line.files import agent_runs


def test_an_agent_that_runs_is_seen_by_its_lock(tmp_path):
    """No lock, a lock of nobody, a lock that is held."""
    assert not agent_runs(tmp_path)
    with (tmp_path / "ledger.lock").open("w") as file:
        assert not agent_runs(tmp_path)
        fcntl.flock(file, fcntl.LOCK_EX)
        assert agent_runs(tmp_path)
