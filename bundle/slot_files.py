"""The files of the slots: state and its copy, bundles, the lock; all writing is durable."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bundle.archive import read_bundle, replace_durably
from bundle.errors import BundleError, SlotBusyError, SlotError, StateError
from bundle.slot_state import SLOTS, SlotName, SlotState, parse_state, state_bytes

BUNDLE, INCOMING = "model.lwb", "incoming.lwb"
STATE, COPY, LOCK = "state.json", "state.copy.json", "lock"


def bundle_path(folder: Path, slot: SlotName) -> Path:
    """Return where a slot keeps its bundle."""
    return folder / slot / BUNDLE


def read_state(folder: Path) -> SlotState:
    """Return what is known of the slots; nothing at all on a new device. Raises StateError."""
    faults: list[str] = []
    for name in (STATE, COPY):
        state = _read_one(folder / name, faults)
        if state is not None:
            return state
    if faults:
        raise StateError(f"{folder / STATE} is lost ({faults[0]}): flash the model again")
    return SlotState()


def _read_one(path: Path, faults: list[str]) -> SlotState | None:
    try:
        return parse_state(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        faults.append(f"it cannot be read: {error.strerror}")
    except StateError as error:
        faults.append(str(error))
    return None


def is_settled(folder: Path, state: SlotState) -> bool:
    """Tell whether state and copy both say this."""
    wanted = state_bytes(state)
    with suppress(OSError):
        return all((folder / name).read_bytes() == wanted for name in (STATE, COPY))
    return False


def write_state(folder: Path, state: SlotState) -> None:
    """Keep a state: it holds once the first of its two files is written. Raises SlotError."""
    text = state_bytes(state)
    try:
        replace_durably(folder / STATE, text)
    except OSError as error:
        raise SlotError(f"cannot write {folder / STATE}: {error.strerror}") from error
    with suppress(OSError):  # the state holds already; the next start makes the copy anew
        replace_durably(folder / COPY, text)


def stage_bundle(folder: Path, slot: SlotName, data: bytes) -> None:
    """Write a bundle beside a slot's own and read it back from the medium. Raises SlotError."""
    path = folder / slot / INCOMING
    try:
        path.parent.mkdir(exist_ok=True)
        sync_folder(folder)
        replace_durably(path, data)
        forget_cached(path)
        whole = hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(data).digest()
    except OSError as error:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise SlotError(f"cannot write the new model to {path}: {error.strerror}") from error
    if not whole:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise SlotError(f"{path} reads back other than it was written: replace the card or disk")


def take_staged(folder: Path, slot: SlotName) -> None:
    """Put the staged bundle in the place of the slot's own. Raises SlotError."""
    path = bundle_path(folder, slot)
    try:
        path.with_name(INCOMING).replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise SlotError(f"cannot put the new model in place: {error.strerror}") from error


def is_whole(folder: Path, slot: SlotName, sha256: str) -> bool:
    """Tell whether a slot's bundle can be read and has this hash."""
    try:
        return hashlib.sha256(read_bundle(bundle_path(folder, slot))).hexdigest() == sha256
    except BundleError:
        return False


def clear_leftovers(folder: Path) -> None:
    """Take away what an interrupted installation left behind; what cannot go does no harm."""
    leftovers = [folder / slot / INCOMING for slot in SLOTS]
    for place in (folder, *(folder / slot for slot in SLOTS)):
        leftovers += place.glob(".*.tmp")
    for path in leftovers:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def forget_cached(path: Path) -> None:
    """Make the next read come from the medium, where the kernel lets us. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def lock_slots(folder: Path) -> Iterator[None]:
    """Hold the slots for one process; the kernel lets go when it dies. Raises SlotBusyError."""
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
        file = (folder / LOCK).open("a+", encoding="ascii")
    except OSError as error:
        raise SlotError(f"the slots in {folder} cannot be written: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SlotBusyError(
                f"somebody else{_holder(folder / LOCK)} is flashing: wait until they are done"
            ) from error
        with suppress(OSError):  # a full disk has no room for our number; the lock holds anyway
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield


def _holder(path: Path) -> str:
    with suppress(OSError, ValueError):
        return f" (process {int(path.read_text('ascii'))})"
    return ""
