"""Whom a device trusts is changed: the audit chain says so, and by whom."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from model_rig import ModelRig
from slot_line import KEY, write_trust

from bundle.signature import CHANGED, REVOKED, key_id

OFFICE = key_id(KEY.public_key())


@pytest.fixture
def rig(tmp_path):
    """Return a device's models, its trust folder looked at once."""
    rig = ModelRig(tmp_path)
    rig.step(seconds=1.1, times=2)
    return rig


def rows(rig):
    """Return the texts of the rows on whom is trusted."""
    return [row.text for row in rig.deeds() if row.deed == "trust"]


def test_the_first_start_notes_who_is_trusted_and_the_next_one_nothing(rig):
    """The chain begins with a known state."""
    assert rows(rig) == [f"trusted here: office ({OFFICE}); revoked: none"]
    rig.restart()
    rig.step(seconds=1.1, times=3)
    assert len(rows(rig)) == 1
    assert len(rig.events("trust_changed")) == 1


def test_a_key_added_or_revoked_is_a_row_and_an_event_with_who_did_it(rig):
    """Within a second or two, whatever else the models' thread does."""
    other = Ed25519PrivateKey.generate()
    write_trust(rig.folder / "made", other)
    pem = (rig.folder / "made/office.pub").read_bytes()
    (rig.trust / "night-shift.pub").write_bytes(pem)
    (rig.trust / CHANGED).write_text("night-shift added; by anna (uid 1000) at noon\n", "utf-8")
    rig.step(seconds=1.1)
    assert f"night-shift ({key_id(other.public_key())})" in rows(rig)[-1]
    assert rows(rig)[-1].endswith("last change: night-shift added; by anna (uid 1000) at noon")
    (rig.trust / REVOKED).write_text(f"{OFFICE}  # laptop stolen\n", "utf-8")
    rig.step(seconds=1.1)
    assert f"revoked: {OFFICE}" in rows(rig)[-1]
    assert rig.events("trust_changed") == rows(rig)


def test_what_was_changed_while_the_agent_was_down_is_noted_at_its_start(rig):
    """Nobody slips a key in by stopping the agent first."""
    (rig.trust / "office.pub").unlink()
    rig.restart()
    rig.step(seconds=1.1, times=2)
    assert rows(rig)[-1] == "trusted here: nobody; revoked: none"


def test_a_list_that_cannot_be_read_is_told(rig):
    """Then every bundle is refused, and the row says why."""
    (rig.trust / REVOKED).write_text("everybody\n", "utf-8")
    rig.step(seconds=1.1)
    assert "nobody is trusted: " in rows(rig)[-1]
    assert "mend the list" in rows(rig)[-1]


def test_a_line_with_a_fixed_model_that_nobody_signs_has_no_such_rows(tmp_path):
    """Where no signature is asked for nobody is trusted or not."""
    rig = ModelRig(tmp_path, model='bundle = "m.lwb"')
    rig.step(seconds=1.1, times=2)
    assert rig.events("trust_changed") == []
    assert not (rig.ledger / "audit.jsonl").exists()
