"""What is known of the two slots, as one frozen record, and its changes; pure, no files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bundle.errors import ReleaseError, SlotError, StateError

SlotName = Literal["a", "b"]
SLOTS: tuple[SlotName, SlotName] = ("a", "b")
MOST_DEEDS = 64  # that are kept until the agent has taken them over
MOST_BY = 200  # characters of who did something, and when
MAX_JUMP = 1000  # releases at once: a number far ahead would lock out every later repair

DeedKind = Literal["flashed", "confirmed", "rolled_back", "shadowed", "unshadowed"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Installed(_Record):
    """A bundle in a slot.

    `staged`: copied and whole, but not proven and never judging. `trial`: it judges, on probation.
    `good`: confirmed; a rollback may go back to it. `failed`: rolled back; never used again.
    `shadow`: it looks at the same parts beside the active one, and decides about none.
    """

    title: str
    release: int = Field(ge=1)
    sha256: Sha256
    size: int = Field(ge=1)
    signers: tuple[str, ...]
    status: Literal["staged", "trial", "good", "failed", "shadow"]
    starts: int = Field(default=0, ge=0)


class SlotDeed(_Record):
    """One thing that somebody did to the slots, and to which bundle; `by` says who, and when.

    `back_to` names the bundle that judges again after a rollback; empty for none.
    """

    number: int = Field(ge=1)
    kind: DeedKind
    title: str
    release: int = Field(ge=1)
    back_to: str = ""
    by: str = Field(default="", max_length=MOST_BY)

    @property
    def digest(self) -> str:
        """Return what tells it from every other one: numbers begin anew with lost slots."""
        facts = [self.number, self.kind, self.title, self.release, self.back_to, self.by]
        return _check(facts)


class SlotState(_Record):
    """Both slots, which of them judges, and the highest release confirmed for each key.

    `by` says who changed it last, and when, as whoever did it was told by the system. `deeds` are
    the last things done, the newest last.
    """

    schema_version: Literal[1] = 1
    active: SlotName | None = None
    slots: dict[SlotName, Installed] = Field(default_factory=dict)
    floors: dict[str, int] = Field(default_factory=dict)
    by: str = Field(default="", max_length=MOST_BY)
    deeds: tuple[SlotDeed, ...] = Field(default=(), max_length=MOST_DEEDS)

    @property
    def judging(self) -> Installed | None:
        """Return the active bundle."""
        return None if self.active is None else self.slots.get(self.active)

    @property
    def on_trial(self) -> bool:
        """Tell whether the active bundle is on probation."""
        return self.judging is not None and self.judging.status == "trial"

    @property
    def shadowing(self) -> Installed | None:
        """Return the bundle that looks at the parts beside the active one."""
        held = self.slots.get(self.free)
        return held if held is not None and held.status == "shadow" else None

    @property
    def free(self) -> SlotName:
        """Return the slot that a new bundle goes into: never the active one."""
        if self.active is not None:
            return "b" if self.active == "a" else "a"
        return "a" if "a" not in self.slots or self.slots["a"].status != "good" else "b"

    @property
    def previous(self) -> SlotName | None:
        """Return the slot that a rollback goes to: only a confirmed bundle is worth it."""
        other = self.slots.get(self.free)
        return self.free if other is not None and other.status == "good" else None


def floor(state: SlotState, trusted: Iterable[str]) -> int:
    """Return the lowest release that may be installed.

    Only keys trusted now count: a release far ahead by a stolen key no longer binds once that key
    is revoked. The highest of them counts, or taking a signature off would lower the floor.
    """
    return max((state.floors.get(key, 0) for key in trusted), default=0)


def check_release(state: SlotState, release: int, trusted: Iterable[str], *, force: bool) -> None:
    """Refuse a release below the floor, and without `force` one far above. Raises ReleaseError."""
    lowest = floor(state, trusted)
    if release < lowest:
        raise ReleaseError(
            f"release {release} is older than release {lowest}, which was confirmed here: "
            "ask for a newer one, or go back to the previous model with `linewarden rollback`"
        )
    known = max(lowest, 0 if state.judging is None else state.judging.release)
    if known and release > known + MAX_JUMP and not force:
        raise ReleaseError(
            f"release {release} is more than {MAX_JUMP} above release {known}: ask whether the "
            "number is right; `--force` takes it, and then nothing lower will do once confirmed"
        )


def check_free(state: SlotState) -> None:
    """Refuse a new bundle while a trial needs the free slot's for its way back.

    Raises SlotError.
    """
    if state.on_trial and state.previous is not None:
        raise SlotError(
            "a model is on probation: wait until it is over, `linewarden confirm` it, "
            "or go back with `linewarden rollback`"
        )


def with_slot(state: SlotState, slot: SlotName, bundle: Installed | None) -> SlotState:
    """Return the state with another bundle, or none, in a slot."""
    rest = {name: held for name, held in state.slots.items() if name != slot}
    return _changed(state, slots=rest if bundle is None else {**rest, slot: bundle})


def switched(state: SlotState) -> SlotState:
    """Return the state with the staged or shadow bundle judging, on probation. Raises SlotError.

    A bundle that was still on trial itself was never confirmed: nobody goes back to it.
    """
    slot, outgoing = state.free, state.judging
    staged = state.slots.get(slot)
    if staged is None or staged.status not in ("staged", "shadow"):
        raise SlotError("no new model is installed: `linewarden flash FILE` installs one")
    if outgoing is not None and state.active is not None and outgoing.status == "trial":
        state = with_slot(state, state.active, _marked(outgoing, "failed"))
    return _changed(with_slot(state, slot, _marked(staged, "trial")), active=slot)


def shadowed(state: SlotState) -> SlotState:
    """Return the state with the staged bundle beside the active one. Raises SlotError."""
    staged = state.slots.get(state.free)
    if staged is None or staged.status != "staged":
        raise SlotError("no new model is installed: `linewarden flash FILE` installs one")
    if state.judging is None:
        raise SlotError(
            "no model judges yet, so there is nothing to compare with: flash it as it is"
        )
    return with_slot(state, state.free, _marked(staged, "shadow"))


def unshadowed(state: SlotState) -> SlotState:
    """Return the state without the bundle beside the active one. Raises SlotError."""
    if state.shadowing is None:
        raise SlotError("no model judges beside the active one: there is nothing to take away")
    return with_slot(state, state.free, None)


def confirmed(state: SlotState) -> SlotState:
    """Return the state with the trial over and the floor of its keys raised. Raises SlotError."""
    trial = state.judging
    if trial is None or state.active is None or trial.status != "trial":
        raise SlotError("no model is on probation: there is nothing to confirm")
    floors = dict(state.floors)
    for key in trial.signers:
        floors[key] = max(floors.get(key, 0), trial.release)
    return _changed(with_slot(state, state.active, _marked(trial, "good")), floors=floors)


def rolled_back(state: SlotState, *, or_none: bool) -> SlotState:
    """Return the state with the previous bundle judging and this one failed.

    `or_none`: with no way back no model judges, so that every part is rejected. Raises SlotError.
    """
    current, slot = state.judging, state.active
    if current is None or slot is None:
        raise SlotError("no model is active: flash one")
    previous = state.previous
    if previous is None and not or_none:
        raise SlotError("there is no earlier model to go back to: flash another one")
    return _changed(with_slot(state, slot, _marked(current, "failed")), active=previous)


def dropped(state: SlotState, slot: SlotName) -> SlotState:
    """Return the state without a bundle that is no longer whole; the previous one takes over."""
    if slot != state.active:
        return with_slot(state, slot, None)
    return _changed(with_slot(state, slot, None), active=state.previous)


def started(state: SlotState) -> SlotState:
    """Return the state with one more start counted for a model that may take the agent down."""
    for slot, held in state.slots.items():
        on_trial = slot == state.active and held.status == "trial"
        if on_trial or held.status == "shadow":
            state = with_slot(state, slot, held.model_copy(update={"starts": held.starts + 1}))
    return state


def state_bytes(state: SlotState) -> bytes:
    """Return the JSON that is kept, with a checksum: a worn card flips bits."""
    body = state.model_dump(mode="json")
    return (json.dumps({"check": _check(body), "state": body}, indent=1) + "\n").encode("ascii")


def parse_state(text: bytes) -> SlotState:
    """Read what `state_bytes` wrote. Raises StateError."""
    try:
        data = json.loads(text)
        state = SlotState.model_validate_json(json.dumps(data["state"]))
        # What stands there counts, not what it is read as: an older one lacks newer keys.
        whole = data["check"] == _check(data["state"])
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        raise StateError("what is kept of the slots cannot be read") from error
    if not whole or (state.active is not None and state.judging is None):
        raise StateError("what is kept of the slots is damaged: its checksum is wrong")
    return state


def _check(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode("ascii")).hexdigest()


def _marked(bundle: Installed, status: Literal["trial", "good", "failed", "shadow"]) -> Installed:
    return bundle.model_copy(update={"status": status, "starts": 0})


def _changed(state: SlotState, **changes: object) -> SlotState:
    return state.model_copy(update=changes)
