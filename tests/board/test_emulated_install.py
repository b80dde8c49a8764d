"""The package on a bare board, by apt, without a network: it runs, rejects, says what is next."""

from __future__ import annotations

import re

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


def test_a_fresh_package_runs_rejects_and_says_what_is_next(facts, figure):
    """Nothing failed, nothing is open, and `systemctl status` names the step."""
    figure("install_s", {key: facts[key] for key in ("boot_s", "to_rejecting_s", "rss_kb")})
    assert "active (running)" in facts["status"]
    assert "rejecting: not configured yet" in facts["status"]
    assert "sudo linewarden setup" in facts["status"]
    assert "sudo linewarden setup" in facts["said"]
    assert facts["system"] == "running"
    assert facts["user"] == "linewarden"
    assert not re.search(r"/dev/(tty[SAU]|video)", facts["open"])
    assert facts["rss_kb"] < 150 * 1024


def test_the_board_itself_finds_the_service_hardened(facts, figure):
    """`systemd-analyze security` on the board gives at most 2.0."""
    figure("security", facts["exposure"])
    assert facts["exposure"] is not None
    assert facts["exposure"] <= 2.0
