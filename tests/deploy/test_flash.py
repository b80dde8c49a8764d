"""Flashing step by step: what is refused leaves everything as it was."""

from __future__ import annotations

import errno
import os

import pytest
from bundles import rewritten
from flash_rig import OFFICE, STRANGER, tiny_manifest

from bundle.errors import BundleError, OldAgentError, SlotError
from bundle.signature import read_keyring
from bundle.slot_files import read_state
from deploy.changes import confirm_model, drop_shadow, go_back
from deploy.errors import DeployError, FitError, LineConfigError, ProbeError, SourceError
from deploy.findings import Findings
from deploy.line_config import read_line
from deploy.who import who


@pytest.fixture
def unchanged(device):
    """Check that a refusal is one line, and leaves the slots as they were."""

    def look():
        files = [*sorted(device.slots.rglob("*.lwb")), device.slots / "state.json"]
        return {path: path.read_bytes() for path in files if path.exists()}

    def check(kind, says, action, *arguments, **asked):
        before = look()
        with pytest.raises(kind) as error:
            action(*arguments, **asked)
        assert says in str(error.value)
        assert "\n" not in str(error.value)
        assert look() == before

    return check


@pytest.fixture
def change(device, now):
    """Return a function that confirms, goes back or drops as the commands do."""

    def run(action):
        return action(read_line(device.config), read_keyring(device.trust), "anna", now)

    return run


@pytest.fixture
def two(flash, make, change):
    """Flash and confirm two releases, so that there is a way back."""
    for release in (1, 2):
        flash(make(release))
        change(confirm_model)


def test_a_model_goes_from_the_file_to_the_line(flash, make, device, change):
    """It judges on probation, and confirming raises the floor; who did it is kept."""
    flash(make())
    state = read_state(device.slots)
    assert (state.judging.title, state.judging.status, state.by) == ("tiny-1.1", "trial", "anna")
    assert change(confirm_model) == ("tiny-1.1", 1)
    assert flash(make(2)).state.active == "b"


def test_going_back_lets_the_one_before_judge(flash, make, change, agent):
    """And the agent's word is waited for."""
    first = flash(make()).sha256
    change(confirm_model)
    flash(make(2))
    gone = change(go_back)
    assert (gone.left, gone.title, gone.outcome) == ("tiny-1.2", "tiny-1.1", "judges")
    assert agent.judged[-1] == first


def test_a_shadow_judges_beside_and_may_be_let_judge_or_dropped(flash, make, change, device):
    """`flash shadow` takes its own bytes; the way back of before is gone with it."""
    flash(make())
    change(confirm_model)
    flash(make(2), shadow=True)
    assert read_state(device.slots).judging.title == "tiny-1.1"
    assert change(drop_shadow) == "tiny-1.2"
    again = flash(make(2), shadow=True)
    assert flash("shadow").sha256 == again.sha256
    assert read_state(device.slots).judging.title == "tiny-1.2"
    with pytest.raises(SourceError, match="no model runs as a shadow"):
        flash("shadow")


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"key": None}, BundleError, "is not signed"),
        ({"key": STRANGER}, BundleError, "not trusted here"),
        ({"release": 1}, BundleError, "older than release 2"),
        ({"release": 5000}, BundleError, "more than 1000 above"),
        ({"labels": ("bad", "fine")}, FitError, "another product"),
        (
            {"input": tiny_manifest().input.model_copy(update={"frame_width": 60})},
            FitError,
            "this line's camera gives 48x40",
        ),
    ],
)
def test_what_is_not_for_this_line_changes_nothing(flash, make, unchanged, changes, kind, says):
    """The way back stays, too."""
    data = make(**({"release": 3} | changes))
    unchanged(kind, says, flash, data)


@pytest.mark.usefixtures("two")
def test_damaged_bytes_change_nothing(flash, make, unchanged):
    """Half a copy, a flipped bit, a text."""
    data = make(3)
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    for wrong in (data[:-100], bytes(flipped), b"", b"PK\x03\x04"):
        unchanged(BundleError, "", flash, wrong)


@pytest.mark.usefixtures("two")
def test_a_bundle_of_a_newer_format_says_that_linewarden_is_old(flash, make, unchanged):
    """Its signature is good; what it says is not understood yet."""
    data = rewritten(make(3), OFFICE, schema_version=2)
    unchanged(BundleError, "update linewarden", flash, data)


@pytest.mark.usefixtures("two")
def test_a_model_that_needs_a_newer_agent_changes_nothing(flash, make, unchanged):
    """It fits the line and is signed; both versions are told, and `--force` does not help."""
    data = rewritten(make(3), OFFICE, needs_agent="99.1")
    for force in (False, True):
        says = "this model needs linewarden 99.1 or newer; this is "
        unchanged(OldAgentError, says, flash, data, force=force)
        unchanged(OldAgentError, "update linewarden first", flash, data, shadow=True)
    flash(rewritten(make(3), OFFICE, needs_agent="0.1"))


@pytest.mark.usefixtures("two")
def test_a_model_that_fails_its_trial_changes_nothing(flash, make, unchanged):
    """It crashed, it is wrong, or it is too slow: the slots have not seen it."""

    def crash(_data, _threads):
        raise ProbeError("the model kills its process (SIGSEGV)")

    def slow(_data, _threads):
        return Findings(frames=1, runs=20, p99_ms=1000.0)

    unchanged(ProbeError, "SIGSEGV", flash, make(3), probe=crash)
    unchanged(FitError, "takes 1000.0 ms", flash, make(3), probe=slow)


@pytest.mark.usefixtures("two")
def test_a_full_disk_changes_nothing(flash, make, unchanged, monkeypatch):
    """Seen beforehand, or by a write that fails."""
    data = make(3)
    full = os.statvfs_result((4096, 4096, 100, 1, 1, 9, 9, 9, 0, 255))
    with monkeypatch.context() as patch:
        patch.setattr(os, "statvfs", lambda _: full)
        unchanged(SlotError, "make room", flash, data)

    def no_room(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    unchanged(SlotError, "No space left on device", flash, data)


def test_a_model_on_probation_keeps_its_way_back(flash, make, unchanged, change):
    """A third one waits until it is over; who has no way back loses none."""
    flash(make(1))
    flash(make(2))
    change(confirm_model)
    flash(make(3))
    unchanged(SlotError, "on probation", flash, make(4))


def test_the_same_model_again_is_nothing_to_do(flash, make, unchanged):
    """It judges already."""
    data = make()
    flash(data)
    unchanged(FitError, "judges already", flash, data)


@pytest.mark.usefixtures("two")
def test_a_model_that_was_taken_back_is_not_tried_again_unless_it_is_meant(flash, make, change):
    """The same stick, plugged in again."""
    flash(make(3))
    change(go_back)
    with pytest.raises(FitError, match="tried here and taken back"):
        flash(make(3))
    assert flash(make(3), force=True).state.on_trial


def test_force_takes_a_release_far_ahead(flash, make, change):
    """The number was right after all."""
    flash(make())
    change(confirm_model)
    assert flash(make(5000), force=True).archive.manifest.release == 5000


def test_a_shadow_needs_a_model_to_be_compared_with(flash, make):
    """On a new device there is none."""
    with pytest.raises(FitError, match="nothing to compare"):
        flash(make(), shadow=True)


def test_a_line_with_a_fixed_model_has_no_slots(flash, make, device):
    """Flashing would change nothing there, and says so."""
    device.config.write_text('[model]\nbundle = "fixed.lwb"\n')
    with pytest.raises(LineConfigError, match="has no slots"):
        flash(make())


@pytest.mark.parametrize(("wall_s", "year"), [(0, "1970"), (4_000_000_000, "2096")])
def test_a_wrong_clock_does_not_matter(flash, make, now, device, wall_s, year):
    """Signatures do not depend on it, and the account says what the clock said."""
    now.wall_ns = lambda: wall_s * 10**9
    flash(make(), by=who(now))
    state = read_state(device.slots)
    assert state.on_trial
    assert f" at {year}-" in state.by


def test_who_may_not_write_is_told(device, flash, make):
    """The slots are a file by mistake, or belong to somebody else."""
    device.slots.write_bytes(b"")
    with pytest.raises((SlotError, DeployError), match="cannot be written"):
        flash(make())
