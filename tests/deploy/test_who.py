"""Who is written beside a change."""

from __future__ import annotations

import os

from deploy.who import who


def test_the_login_and_the_time_are_kept(now):
    """Also where a name was given: everybody can type one."""
    plain = who(now, None, {})
    assert plain.endswith(f"(uid {os.getuid()}) at 2023-11-14T22:13:20Z")
    named = who(now, "Anna\tMeier\x1b\n", {})
    assert named.startswith("Anna Meier (")
    assert f"uid {os.getuid()}) at " in named


def test_behind_sudo_stands_who_called_it(now, monkeypatch):
    """Root is nobody; but only root is believed about who called."""
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert "uid 54321)" in who(now, None, {"SUDO_UID": "54321"})
    assert "uid 0)" in who(now, None, {"SUDO_UID": "-1"})
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    assert "uid 1234)" in who(now, None, {"SUDO_UID": "54321"})


def test_a_long_name_is_cut(now):
    """The state has room for 200 characters."""
    assert len(who(now, "x" * 1000, {})) < 200
