"""The two slots: what goes in, who judges, and the way back."""

import pytest

from bundle.archive import open_archive, read_bundle
from bundle.errors import BundleError, ReleaseError, SlotError
from bundle.slot_files import bundle_path
from bundle.slots import active_path, open_slots


def test_a_new_device_has_no_model(folder):
    """No slots, nothing active, and nothing is written by looking."""
    assert active_path(folder) is None
    assert not folder.exists()


def test_a_new_bundle_goes_into_the_free_slot(folder, trust, make_bundle, flash):
    """The active bundle is not touched; the new one judges after the switch only."""
    flash(1, confirm=True)
    old = active_path(folder)
    before = (old.read_bytes(), old.stat().st_ino)
    with open_slots(folder, trust) as slots:
        slots.install(make_bundle(2))
        assert active_path(folder) == old
        assert slots.switch().judging.title == "scripted-1.0.2"
    assert (old.read_bytes(), old.stat().st_ino) == before
    assert active_path(folder) != old
    assert open_archive(active_path(folder), trust).manifest.release == 2


def test_confirming_ends_the_probation_and_raises_the_floor(flash, folder, trust):
    """Below the floor nothing is installed any more; the same release may come again."""
    assert flash(5).on_trial
    with open_slots(folder, trust) as slots:
        assert not slots.confirm().on_trial
        with pytest.raises(SlotError, match="nothing to confirm"):
            slots.confirm()
    with pytest.raises(ReleaseError, match="release 4 is older than release 5"):
        flash(4)
    assert flash(5).on_trial


def test_a_trial_alone_raises_no_floor(flash, folder, trust):
    """A model that failed does not keep older ones out."""
    flash(1, confirm=True)
    flash(9)
    with open_slots(folder, trust) as slots:
        slots.rollback()
    assert flash(2).on_trial


def test_rollback_goes_back_even_below_the_floor(flash, folder, trust):
    """The previous model is always allowed, and the one left is not gone back to."""
    flash(1, confirm=True)
    flash(2, confirm=True)
    with open_slots(folder, trust) as slots:
        state = slots.rollback()
        assert state.judging.release == 1
        assert state.previous is None
        with pytest.raises(SlotError, match="no earlier model"):
            slots.rollback()


def test_the_first_model_can_only_go_to_none(flash, folder, trust):
    """With `or_none` the line rejects everything, which is safe; a new flash helps."""
    flash(1)
    with open_slots(folder, trust) as slots:
        assert slots.rollback(or_none=True).active is None
        with pytest.raises(SlotError, match="no model is active"):
            slots.rollback(or_none=True)
    assert flash(2).judging.release == 2


def test_a_damaged_way_back_is_not_taken(flash, folder, trust):
    """A technician is told, the automatic rollback goes to no model."""
    flash(1, confirm=True)
    previous = active_path(folder)
    flash(2)
    previous.write_bytes(b"worn")
    with open_slots(folder, trust) as slots:
        with pytest.raises(SlotError, match=r"cannot go back.*damaged"):
            slots.rollback()
        assert slots.state.judging.release == 2
        assert slots.rollback(or_none=True).active is None


def test_a_trial_keeps_its_way_back(flash, folder, trust):
    """The previous good model is not overwritten while the new one is on probation."""
    flash(1, confirm=True)
    flash(2)
    with pytest.raises(SlotError, match="on probation"):
        flash(3)
    with open_slots(folder, trust) as slots:
        assert slots.rollback().judging.release == 1


def test_a_first_trial_can_be_replaced(flash):
    """With nothing to go back to, another model may be flashed; the first counts as failed."""
    flash(1)
    state = flash(2)
    assert state.judging.release == 2
    assert state.previous is None
    assert {held.status for held in state.slots.values()} == {"trial", "failed"}


def test_only_trusted_bundles_come_in(folder, trust, make_bundle, tmp_path, second):
    """Unsigned, foreign and damaged ones leave the slots as they were."""
    good = make_bundle(1)
    with open_slots(folder, trust) as slots:
        for data in (make_bundle(1, ()), make_bundle(1, (second,)), good[:-1], b""):
            with pytest.raises(BundleError):
                slots.install(data)
        with pytest.raises(SlotError, match="no new model"):
            slots.switch()
    assert sorted(path.name for path in folder.rglob("*")) == ["lock"]
    with open_slots(folder, trust, allow_unsigned=True) as slots:
        slots.install(make_bundle(1, ()))
        assert slots.switch().judging.signers == ()
        assert slots.confirm().floors == {}
    with open_slots(folder, trust) as slots:
        assert "not signed" in slots.settle().findings[0]


def test_a_release_far_ahead_needs_force(flash):
    """A number that would lock out later repairs is asked about; the first one may be any."""
    flash(20_000_000, confirm=True)
    flash(20_001_000, confirm=True)
    with pytest.raises(ReleaseError, match="--force"):
        flash(20_002_001)
    assert flash(20_002_001, force=True).on_trial


def test_a_stolen_keys_floor_goes_with_the_key(flash, ring, second):
    """Fast-forward: once the key is revoked, its release no longer keeps repairs out."""
    flash(1, confirm=True, keys=ring(second))
    flash(5000, confirm=True, keys=ring(second), signers=(second,), force=True)
    with pytest.raises(ReleaseError, match="older than release 5000"):
        flash(2, keys=ring(second))
    assert flash(2, keys=ring(second, revoked=[second])).on_trial


def test_taking_a_signature_off_lowers_no_floor(flash, ring, second):
    """An old release signed by two keys is old for both."""
    both = ring(second)
    flash(7, confirm=True, keys=both)
    with pytest.raises(ReleaseError, match="older"):
        flash(3, keys=both, signers=(second,))


def test_what_changes_between_install_and_switch_does_not_judge(folder, trust, make_bundle):
    """The switch looks at the file once more."""
    with open_slots(folder, trust) as slots:
        slots.install(make_bundle(1))
        path = bundle_path(folder, "a")
        path.write_bytes(path.read_bytes().replace(b"scripted", b"Scripted"))
        with pytest.raises(SlotError, match="is not used"):
            slots.switch()
    assert active_path(folder) is None


def test_the_bytes_that_were_checked_are_those_installed(folder, trust, make_bundle, tmp_path):
    """A stick whose file changes after the check changes nothing in the slot."""
    path = tmp_path / "m.lwb"
    path.write_bytes(make_bundle(1))
    data = read_bundle(path)
    with open_slots(folder, trust) as slots:
        slots.install(data)
        path.write_bytes(b"pulled")
        slots.switch()
    assert active_path(folder).read_bytes() == make_bundle(1)
