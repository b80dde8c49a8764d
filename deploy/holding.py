"""Hold the slots for a change: as their owner, and a moment later when the agent has them."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bundle.errors import SlotBusyError
from bundle.signature import Keyring
from bundle.slot_files import lock_slots
from bundle.slots import Slots, open_slots
from deploy.clock import Clock
from deploy.errors import DeployError
from deploy.line_config import LineConfig

FLASHING = "flashing"  # its lock is held for all of a flash, the slots' own for the change only
PATIENCE_S = 10.0
_AGAIN_S = 0.05


@contextmanager
def hold_flashing(folder: Path) -> Iterator[None]:
    """Let nobody else flash meanwhile; the agent may.

    Raises SlotBusyError, SlotError, DeployError.
    """
    check_rights(folder)
    with ExitStack() as stack:
        with as_owner(folder):
            stack.enter_context(lock_slots(folder / FLASHING))
        yield


def check_rights(folder: Path, *, writing: bool = True) -> None:
    """Say what to type where we may not read, or change, the slots. Raises DeployError."""
    wanted = os.R_OK | os.X_OK | (os.W_OK if writing else 0)
    try:
        allowed = not stat.S_ISDIR(folder.stat().st_mode) or os.access(folder, wanted)
    except PermissionError:
        allowed = False
    except OSError:  # not there yet: whoever makes it says what is wrong
        return
    if not allowed:
        if writing and os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise DeployError(
                f"the disk of {folder} takes nothing any more (it is read-only): a worn card turns "
                "so; `linewarden doctor` says more, a restart may help once"
            )
        what = "change" if writing else "read"
        raise DeployError(f"you may not {what} {folder}: type `sudo` before the command")


@contextmanager
def hold_slots(line: LineConfig, trust: Keyring, by: str, clock: Clock) -> Iterator[Slots]:
    """Hold the slots; whoever else has them lets go soon.

    Raises SlotBusyError, SlotError, DeployError.
    """
    check_rights(line.slots)
    end_ns = clock.now_ns() + round(PATIENCE_S * 1e9)
    with ExitStack() as stack:
        stack.enter_context(as_owner(line.slots))
        while True:
            try:
                slots = stack.enter_context(
                    open_slots(line.slots, trust, allow_unsigned=line.allow_unsigned, by=by)
                )
                break
            except SlotBusyError:
                if clock.now_ns() > end_ns:
                    raise
                clock.sleep(_AGAIN_S)
        yield slots


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Work as the slots' owner where we are root: the agent must read and replace what we write.

    Raises DeployError.
    """
    owner = _owner(folder)
    before = (os.geteuid(), os.getegid())
    if before[0] != 0 or owner == before:
        yield
        return
    # Loaded as root: the owner may not be let into the folder where Python lies.
    codecs.lookup("ascii")
    try:
        os.setegid(owner[1])
        os.seteuid(owner[0])
    except OSError as error:
        raise DeployError(f"cannot work as the owner of {folder}: {error.strerror}") from error
    try:
        yield
    finally:
        os.seteuid(before[0])
        os.setegid(before[1])


def _owner(folder: Path) -> tuple[int, int]:
    """Return user and group of a folder, or of what it will be made in."""
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    facts = place.stat()
    return facts.st_uid, facts.st_gid
