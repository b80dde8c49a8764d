"""The two slots of a device: install, switch, confirm, roll back, and settle after a power cut.

Every change is one durable replacement of the state file, made after all it speaks of is durable
itself; so at any moment the state names whole bundles only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bundle.archive import Archive, open_archive, parse_archive
from bundle.errors import BundleError, SlotError, StateError
from bundle.signature import Keyring
from bundle.slot_deeds import with_deeds
from bundle.slot_files import (
    bundle_path,
    clear_leftovers,
    is_settled,
    is_whole,
    lock_slots,
    read_state,
    stage_bundle,
    take_staged,
    write_state,
)
from bundle.slot_state import (
    MOST_BY,
    SLOTS,
    Installed,
    SlotName,
    SlotState,
    check_free,
    check_release,
    confirmed,
    dropped,
    rolled_back,
    shadowed,
    started,
    switched,
    unshadowed,
    with_slot,
)

DEFAULT_SLOTS = Path("/var/lib/linewarden/slots")
MAX_TRIAL_STARTS = 3


@dataclass(frozen=True, slots=True)
class Settled:
    """The state after the start, and a sentence for each thing that had to be put right."""

    state: SlotState
    findings: tuple[str, ...]


class Slots:
    """The slots of one folder, for whoever holds their lock: made by `open_slots`."""

    def __init__(self, folder: Path, trust: Keyring, *, allow_unsigned: bool, by: str) -> None:
        self._folder = folder
        self._trust = trust
        self._allow_unsigned = allow_unsigned
        self._by = by[:MOST_BY]

    @property
    def state(self) -> SlotState:
        """Return what is known of the slots. Raises StateError."""
        return read_state(self._folder)

    def path(self, slot: SlotName) -> Path:
        """Return where a slot keeps its bundle."""
        return bundle_path(self._folder, slot)

    def install(self, data: bytes, *, force: bool = False) -> SlotState:
        """Put a trusted bundle into the free slot, staged; the active one is not touched.

        Takes the bytes, as a file on a stick may change between checking and copying. Raises
        SlotError, and BundleError for a bundle that is damaged or not trusted.
        """
        archive = parse_archive(data, self._trust, allow_unsigned=self._allow_unsigned)
        state = self.state
        check_free(state)
        check_release(state, archive.manifest.release, self._trust.trusted, force=force)
        try:
            return self._stage(state, archive, data)
        except SlotError:
            clear_leftovers(self._folder)  # a full disk shall not stay full
            raise

    def switch(self) -> SlotState:
        """Let the staged bundle judge, on probation. Raises SlotError."""
        after = switched(self.state)
        self._check_active(after)
        return self._keep(after)

    def shadow(self) -> SlotState:
        """Let the staged bundle look at the parts beside the active one. Raises SlotError."""
        after = shadowed(self.state)
        if fault := self._fault(after, after.free):
            raise SlotError(f"the new model is not used: {fault}")
        return self._keep(after)

    def drop_shadow(self) -> SlotState:
        """Take away the bundle beside the active one. Raises SlotError."""
        return self._keep(unshadowed(self.state))

    def confirm(self) -> SlotState:
        """End the probation well and raise the floor. Raises SlotError."""
        return self._keep(confirmed(self.state))

    def rollback(self, *, or_none: bool = False) -> SlotState:
        """Go back to the previous bundle; with `or_none` to no model when there is none.

        Raises SlotError.
        """
        before = self.state
        previous = before.previous
        if previous is not None and (fault := self._fault(before, previous)):
            if not or_none:
                raise SlotError(f"cannot go back: {fault}")
            before = dropped(before, previous)
        return self._keep(rolled_back(before, or_none=or_none))

    def settle(self) -> Settled:
        """Put right what a power cut or a worn card left; call it before the agent starts.

        A damaged bundle is struck off. One that is whole but not trusted any more gives way to a
        previous one that is; without such it stays, and the agent refuses it by itself, until
        the trust folder is mended or another model is flashed.
        """
        findings: list[str] = []
        try:
            state = self.state
        except StateError as error:
            findings.append(str(error))
            state = SlotState()
        clear_leftovers(self._folder)
        for slot in SLOTS:
            held = state.slots.get(slot)
            if held is not None and not is_whole(self._folder, slot, held.sha256):
                findings.append(_damaged(slot, held))
                state = dropped(state, slot)
            elif held is not None and held.status == "staged":
                state = with_slot(state, slot, None)
        state = self._leave_untrusted(state, findings)
        if not is_settled(self._folder, state):
            state = self._keep(state) if findings else self._write(state)
        return Settled(state, tuple(findings))

    def count_start(self) -> SlotState:
        """Count a start of the agent on a trial, or with a shadow; too many of them end it."""
        before = self.state
        state = started(before)
        if state.on_trial and state.judging is not None and _too_often(state.judging):
            return self.rollback(or_none=True)
        if state.shadowing is not None and _too_often(state.shadowing):
            return self._keep(unshadowed(state))
        return before if state == before else self._write(state)

    def _stage(self, state: SlotState, archive: Archive, data: bytes) -> SlotState:
        slot = state.free
        stage_bundle(self._folder, slot, data)
        # From here on the slot's old bundle is gone; the state must not vouch for it any more.
        if slot in state.slots:
            state = self._keep(with_slot(state, slot, None))
        take_staged(self._folder, slot)
        return self._keep(with_slot(state, slot, _staged(archive, data)))

    def _leave_untrusted(self, state: SlotState, findings: list[str]) -> SlotState:
        fault = None if state.active is None else self._fault(state, state.active)
        if fault is None:
            return state
        findings.append(fault)
        previous = state.previous
        if previous is None or self._fault(state, previous) is not None:
            return state
        return rolled_back(state, or_none=False)

    def _check_active(self, state: SlotState) -> None:
        fault = None if state.active is None else self._fault(state, state.active)
        if fault is not None:
            raise SlotError(f"the new model is not used: {fault}")

    def _fault(self, state: SlotState, slot: SlotName) -> str | None:
        """Say why the bundle of a slot may not judge; None when it is whole and trusted."""
        held = state.slots[slot]
        if not is_whole(self._folder, slot, held.sha256):
            return _damaged(slot, held)
        try:
            open_archive(self.path(slot), self._trust, allow_unsigned=self._allow_unsigned)
        except BundleError as error:
            return f"slot {slot}: {error}"
        return None

    def _keep(self, state: SlotState) -> SlotState:
        """Write what somebody decided, who it was, and the deeds in it: one durable write."""
        try:
            before = self.state
        except StateError:
            before = SlotState()  # lost: nothing is known of what this changes
        named = state.model_copy(update={"by": self._by or state.by})
        return self._write(with_deeds(before, named, self._by))

    def _write(self, state: SlotState) -> SlotState:
        write_state(self._folder, state)
        return state


@contextmanager
def open_slots(
    folder: Path, trust: Keyring, *, allow_unsigned: bool = False, by: str = ""
) -> Iterator[Slots]:
    """Hold the slots and change them; nobody else can meanwhile. Raises SlotBusyError.

    `by` says who does it and when, for the audit: "anna (uid 1000) at 2026-03-04T05:06:07Z".
    """
    with lock_slots(folder):
        yield Slots(folder, trust, allow_unsigned=allow_unsigned, by=by)


def active_path(folder: Path) -> Path | None:
    """Return the bundle that is to judge, without the lock; None for none. Raises StateError."""
    state = read_state(folder)
    return None if state.active is None else bundle_path(folder, state.active)


def _too_often(held: Installed) -> bool:
    return held.starts > MAX_TRIAL_STARTS


def _damaged(slot: SlotName, held: Installed) -> str:
    return f"slot {slot}: {held.title} is damaged or gone: flash it again"


def _staged(archive: Archive, data: bytes) -> Installed:
    return Installed(
        title=archive.title,
        release=archive.manifest.release,
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        signers=archive.signers,
        status="staged",
    )
