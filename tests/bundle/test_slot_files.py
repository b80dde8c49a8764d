"""Slots under bad disks and busy hands: the lock, no room, a worn card."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bundle.errors import SlotBusyError, SlotError, StateError
from bundle.slot_files import COPY, INCOMING, LOCK, STATE, bundle_path, read_state
from bundle.slots import active_path, open_slots

ROOT = Path(__file__).resolve().parents[2]

HOLDER = """
import sys
from pathlib import Path
from bundle.signature import Keyring
from bundle.slots import open_slots
with open_slots(Path(sys.argv[1]), Keyring()):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_technicians_cannot_flash_at_once(folder, trust):
    """The second one is told who is at it; a dead process holds nothing."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout.readline() == b"held\n"
    with (
        pytest.raises(SlotBusyError, match=f"process {process.pid}.*wait"),
        open_slots(folder, trust),
    ):
        pass
    assert active_path(folder) is None  # looking needs no lock
    process.kill()
    process.communicate()
    with open_slots(folder, trust) as slots:
        assert slots.state.active is None


def test_a_full_disk_leaves_all_as_it_was(folder, trust, make_bundle, flash, monkeypatch):
    """Wherever the room ends, the active model and the way back stay, and nothing half is left."""
    flash(1, confirm=True)
    flash(2, confirm=True)
    before = read_state(folder)
    data, real = make_bundle(3), os.fsync

    def full(descriptor):
        if Path(f"/proc/self/fd/{descriptor}").resolve().suffix == ".tmp":
            raise OSError(28, "No space left on device")
        real(descriptor)

    with open_slots(folder, trust) as slots:
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(SlotError, match="No space left on device"):
            slots.install(data)
        monkeypatch.undo()
        assert slots.state == before
        assert slots.settle().findings == ()
    assert not list(folder.rglob(INCOMING)) + list(folder.rglob("*.tmp"))


def test_a_card_that_reads_back_otherwise_is_found(folder, trust, make_bundle, monkeypatch):
    """What was written is read again before anything refers to it."""
    real = Path.read_bytes

    def worn(path):
        data = real(path)
        return data[:-1] + b"\1" if path.name == INCOMING else data

    monkeypatch.setattr(Path, "read_bytes", worn)
    with open_slots(folder, trust) as slots, pytest.raises(SlotError, match="replace the card"):
        slots.install(make_bundle(1))
    assert not list(folder.rglob(INCOMING))


def test_slots_that_cannot_be_written_are_one_line(tmp_path, trust):
    """A file in the place of the folder is named."""
    (tmp_path / "slots").write_text("")
    with (
        pytest.raises(SlotError, match=r"the slots in .*slots cannot be written"),
        open_slots(tmp_path / "slots", trust),
    ):
        pass


def block(path):
    """Put a folder that is not empty in a file's place: no file can be read or put there."""
    path.unlink(missing_ok=True)
    (path / "in-the-way").mkdir(parents=True)


def test_a_holder_that_could_not_write_its_number_holds_the_slots_all_the_same(folder, trust):
    """The kernel's lock counts, not what stands in the file."""
    folder.mkdir()
    with (folder / LOCK).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with (
            pytest.raises(SlotBusyError, match="somebody else is flashing"),
            open_slots(folder, trust),
        ):
            pass


def test_a_state_that_cannot_be_read_is_read_from_its_copy(folder, trust, flash):
    """With both gone the technician is told what to do."""
    before = flash(1, confirm=True)
    block(folder / STATE)
    assert read_state(folder) == before
    block(folder / COPY)
    with pytest.raises(StateError, match=r"cannot be read: Is a directory.*flash the model again"):
        read_state(folder)


def test_a_state_that_cannot_be_written_changes_nothing(folder, trust, flash):
    """The model stays on probation, and the technician learns why."""
    before = flash(1)
    block(folder / STATE)
    with open_slots(folder, trust) as slots, pytest.raises(SlotError, match="cannot write"):
        slots.confirm()
    assert read_state(folder) == before


def test_a_bundle_that_cannot_be_put_in_place_never_judges(folder, trust, flash, make_bundle):
    """The active one stays, nothing is left half done."""
    flash(1, confirm=True)
    active = active_path(folder)
    block(bundle_path(folder, "b"))
    with open_slots(folder, trust) as slots:
        with pytest.raises(SlotError, match="cannot put the new model in place"):
            slots.install(make_bundle(2))
        with pytest.raises(SlotError, match="no new model is installed"):
            slots.switch()
    assert active_path(folder) == active
    assert not list(folder.rglob(INCOMING))
