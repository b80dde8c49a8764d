"""What the start finds: decay, revoked keys, a worn or lost state, a trial that goes in circles."""

import pytest

from bundle.archive import open_archive
from bundle.errors import SignatureError, StateError
from bundle.slot_files import COPY, STATE, read_state
from bundle.slots import MAX_TRIAL_STARTS, active_path, open_slots


def test_an_active_bundle_that_decayed_gives_way(flash, folder, trust, second):
    """The other slot takes over and it is said; with both gone there is no model."""
    flash(1, confirm=True)
    first = active_path(folder)
    flash(2, confirm=True)
    second = active_path(folder)
    second.write_bytes(second.read_bytes()[:-1] + b"\1")
    with open_slots(folder, trust) as slots:
        settled = slots.settle()
        assert settled.state.judging.release == 1
        assert "scripted-1.0.2 is damaged" in settled.findings[0]
        first.unlink()
        assert slots.settle().state.active is None
    assert flash(3).judging.release == 3


def test_a_spare_bundle_that_decayed_is_struck_off(flash, folder, trust):
    """A way back that is not whole is none."""
    flash(1, confirm=True)
    previous = active_path(folder)
    flash(2, confirm=True)
    previous.write_bytes(b"")
    with open_slots(folder, trust) as slots:
        settled = slots.settle()
    assert settled.state.judging.release == 2
    assert settled.state.previous is None
    assert len(settled.findings) == 1


def test_a_revoked_bundle_gives_way_to_a_trusted_one(flash, folder, ring, second):
    """Revoking a key takes its model off the line at the next start, if there is another."""
    both = ring(second)
    flash(1, confirm=True, keys=both)
    flash(2, confirm=True, keys=both, signers=(second,))
    with open_slots(folder, ring(second, revoked=[second])) as slots:
        settled = slots.settle()
        assert settled.state.judging.release == 1
        assert "revoked" in settled.findings[0]


def test_an_empty_trust_folder_destroys_nothing(flash, folder, trust, ring):
    """A mistake in the configuration is said; once it is mended the model judges again."""
    flash(1, confirm=True)
    with open_slots(folder, ring(office=False)) as slots:
        before = slots.state
        settled = slots.settle()
    assert settled.state == before
    assert "not trusted" in settled.findings[0]
    with pytest.raises(SignatureError):
        open_archive(active_path(folder), ring(office=False))
    with open_slots(folder, trust) as slots:
        assert slots.settle().findings == ()


def test_an_agent_that_keeps_starting_on_a_trial_ends_it(flash, folder, trust):
    """A model that takes the agent down is left without anybody's help."""
    flash(1, confirm=True)
    with open_slots(folder, trust) as slots:
        assert slots.count_start() == slots.state  # a confirmed model is not counted
    flash(2)
    with open_slots(folder, trust) as slots:
        for start in range(1, MAX_TRIAL_STARTS + 1):
            assert slots.count_start().judging.starts == start
        state = slots.count_start()
    assert state.judging.release == 1
    assert read_state(folder) == state


def test_a_worn_state_is_read_from_its_copy(flash, folder, trust):
    """Either file is enough, and the start makes both anew."""
    flash(1, confirm=True)
    state = read_state(folder)
    for name in (STATE, COPY):
        text = (folder / name).read_bytes()
        (folder / name).write_bytes(text.replace(b"good", b"goof"))
        assert read_state(folder) == state
        with open_slots(folder, trust) as slots:
            assert slots.settle().findings == ()
        assert (folder / name).read_bytes() == text


def test_a_lost_state_is_said_and_begun_anew(flash, folder, trust):
    """With both files gone nobody knows what was proven: no model judges."""
    flash(1, confirm=True)
    for name in (STATE, COPY):
        (folder / name).write_bytes(b"\0" * 100)
    with pytest.raises(StateError, match="flash the model again"):
        active_path(folder)
    with open_slots(folder, trust) as slots:
        settled = slots.settle()
    assert settled.state.active is None
    assert len(settled.findings) == 1
    assert flash(1).judging.release == 1


@pytest.mark.parametrize("old", [b'"release": 1', b'"active": "a"', b'"size": '])
def test_a_flipped_value_in_the_state_is_found(flash, folder, old):
    """The checksum covers every value, also one that would still be allowed."""
    flash(1, confirm=True)
    text = (folder / STATE).read_bytes()
    assert old in text
    changed = old[:-1] + (b'b"' if old.endswith(b'"') else b"2")
    if old.endswith(b'"'):
        changed = old[:-2] + changed[-2:]
    for name in (STATE, COPY):
        (folder / name).write_bytes(text.replace(old, changed))
    with pytest.raises(StateError):
        read_state(folder)
