"""The agent's side of the slots' files: settled at the start, watched, confirmed or rolled back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.active_model import Terms
from agent.clock import Clock
from agent.config.model import Model
from agent.wall_time import iso_time
from bundle.errors import SlotBusyError
from bundle.signature import Keyring, read_keyring
from bundle.slot_files import STATE, bundle_path, read_state
from bundle.slot_state import SlotName, SlotState
from bundle.slots import Slots, open_slots

ME = "the agent"


class SlotWatch:
    """One folder of slots. All calls come from one thread, and may take as long as the disk."""

    def __init__(self, section: Model, clock: Clock) -> None:
        self._section = section
        self._clock = clock
        self._mark: tuple[int, int, int] | None = None
        self._looked = False
        self.begun = False
        self.folder = Path(section.slots)

    def begin(self) -> list[str]:
        """Settle the slots and count this start; returns what had to be put right.

        While somebody flashes nothing is done, and `begun` stays False: ask again. Raises
        SlotError or SignatureError where it cannot be done at all; what is there may judge anyway.
        """
        try:
            with self._open() as slots:
                settled = slots.settle()
                before = settled.state
                after = slots.count_start()
        except SlotBusyError:
            return []
        self.begun = True
        findings = list(settled.findings)
        if before.active != after.active and before.judging is not None:
            findings.append(f"{before.judging.title} took the agent down again and again")
        if before.shadowing and not after.shadowing:
            findings.append(f"{before.shadowing.title}, beside it, took the agent down")
        return findings

    def look(self) -> SlotState | None:
        """Return the state if it may have changed since the last look. Raises StateError."""
        mark = self._stat()
        if self._looked and mark == self._mark:
            return None
        self._mark, self._looked = mark, True
        return read_state(self.folder)

    @property
    def me(self) -> str:
        """Return who we are and when it is, as the slots keep it."""
        return f"{ME} at {iso_time(self._clock.wall_ns())}"

    def path(self, slot: SlotName) -> Path:
        """Return where a slot keeps its bundle."""
        return bundle_path(self.folder, slot)

    def terms(self, sha256: str, frame_size: tuple[int, int] | None) -> Terms:
        """Return what is asked of a bundle, by the keys trusted now. Raises SignatureError."""
        return terms_of(self._section, sha256, frame_size)

    def confirm(self) -> SlotState:
        """End the probation well. Raises SlotError; SlotBusyError is one."""
        with self._open() as slots:
            return slots.confirm()

    def rollback(self, *, or_none: bool) -> SlotState:
        """Go back to the model before, or to none. Raises SlotError; SlotBusyError is one."""
        with self._open() as slots:
            return slots.rollback(or_none=or_none)

    @contextmanager
    def _open(self) -> Iterator[Slots]:
        section = self._section
        trust = _keyring(section)
        with open_slots(
            self.folder, trust or Keyring(), allow_unsigned=section.allow_unsigned, by=self.me
        ) as slots:
            yield slots

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = (self.folder / STATE).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size


def terms_of(section: Model, sha256: str, frame_size: tuple[int, int] | None) -> Terms:
    """Return what the configuration asks of a bundle. Raises SignatureError."""
    return Terms(_keyring(section), section.allow_unsigned, sha256, frame_size)


def wanted_bundle(section: Model) -> Path | None:
    """Return the bundle that is to judge; None where the slots hold none. Raises StateError."""
    if section.bundle:
        return Path(section.bundle)
    folder = Path(section.slots)
    state = read_state(folder)
    return None if state.active is None else bundle_path(folder, state.active)


def _keyring(section: Model) -> Keyring | None:
    """Return whom to trust. Where unsigned bundles are allowed nobody need be trusted."""
    folder = section.trust_folder
    if folder is None:
        return None
    if section.allow_unsigned and not folder.exists():
        return Keyring()
    return read_keyring(folder)
