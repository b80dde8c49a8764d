"""Who holds the slots, as whom, and for how long it is waited."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from bundle.errors import SlotBusyError
from bundle.signature import Keyring
from bundle.slot_files import lock_slots
from deploy.errors import DeployError
from deploy.holding import as_owner, check_rights, hold_flashing, hold_slots
from deploy.line_config import LineConfig


def test_root_works_as_the_slots_owner_and_is_root_again(tmp_path, monkeypatch):
    """The agent has to read and replace what is written; the group goes first, as root can."""
    calls = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "getegid", lambda: 0)
    monkeypatch.setattr(os, "setegid", lambda number: calls.append(("group", number)))
    monkeypatch.setattr(os, "seteuid", lambda number: calls.append(("user", number)))
    owner = os.stat_result((0o40750, 0, 0, 1, 990, 980, 0, 0, 0, 0))
    monkeypatch.setattr(type(tmp_path), "stat", lambda *_, **__: owner)
    with as_owner(tmp_path / "slots"):
        assert calls == [("group", 980), ("user", 990)]
    assert calls[2:] == [("user", 0), ("group", 0)]


def test_the_agent_is_waited_for_and_a_technician_is_not(tmp_path, now):
    """The agent lets go soon; who flashes may take minutes."""
    line = LineConfig(slots=tmp_path)
    with lock_slots(tmp_path) as _:
        with pytest.raises(SlotBusyError), hold_slots(line, Keyring(), "anna", now):
            pass
        assert 9e9 < now.ns < 11e9
        with hold_flashing(tmp_path):
            waited_ns = now.ns
            with pytest.raises(SlotBusyError), hold_flashing(tmp_path):
                pass
            assert now.ns == waited_ns


def test_slots_that_are_let_go_are_taken(tmp_path, now):
    """At the next look."""
    lock = lock_slots(tmp_path)
    lock.__enter__()
    now.world.append(lambda: lock.__exit__(None, None, None) if now.world.pop() else None)
    with hold_slots(LineConfig(slots=tmp_path), Keyring(), "anna", now) as slots:
        assert slots.state.active is None
    assert 0 < now.ns < 1e9


def test_who_may_not_is_told_to_type_sudo(tmp_path, monkeypatch):
    """Before anything else is looked at."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DeployError, match=r"may not change .*: type `sudo`"):
        check_rights(tmp_path)
    check_rights(tmp_path / "none")


def test_a_disk_that_turned_read_only_is_told_apart(tmp_path, monkeypatch):
    """No right and no `sudo` helps there: worn cards turn so, for root as for anybody."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    worn = SimpleNamespace(f_flag=os.ST_RDONLY)
    monkeypatch.setattr(os, "statvfs", lambda _: worn)
    with pytest.raises(DeployError, match=r"read-only.*`linewarden doctor`"):
        check_rights(tmp_path)
    with pytest.raises(DeployError, match="may not read"):
        check_rights(tmp_path, writing=False)
