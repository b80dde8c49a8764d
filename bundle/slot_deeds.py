"""What was done to the slots, as a short list that is kept in their state; pure, no files.

The list lies in the very write that makes a deed true, so a power cut leaves both or neither.
"""

from __future__ import annotations

from bundle.slot_state import MOST_DEEDS, DeedKind, Installed, SlotDeed, SlotState


def with_deeds(before: SlotState, after: SlotState, by: str) -> SlotState:
    """Return the state after a change with what was done, by whom; the oldest deeds give way."""
    told = after.deeds
    for kind, held, back_to in _done(before, after):
        deed = SlotDeed(
            number=told[-1].number + 1 if told else 1,
            kind=kind,
            title=held.title,
            release=held.release,
            back_to="" if back_to is None else named(back_to.title, back_to.release),
            by=by,
        )
        told = (*told, deed)
    return after.model_copy(update={"deeds": told[-MOST_DEEDS:]})


def same_model(before: SlotState, after: SlotState) -> bool:
    """Tell whether the same bundle in the same slot is to judge."""
    old, new = before.judging, after.judging
    if old is None or new is None:
        return old is new
    return (before.active, old.sha256) == (after.active, new.sha256)


def named(title: str, release: int) -> str:
    """Return a bundle as a sentence names it."""
    return f"{title} (release {release})"


_Done = tuple[DeedKind, Installed, "Installed | None"]


def _done(before: SlotState, after: SlotState) -> list[_Done]:
    """Return each deed between two states: its kind, the bundle, and which one judges again."""
    return [*_active(before, after), *_beside(before, after)]


def _active(before: SlotState, after: SlotState) -> list[_Done]:
    old, new = before.judging, after.judging
    if new is not None and same_model(before, after):
        is_over = old is not None and (old.status, new.status) == ("trial", "good")
        return [("confirmed", new, None)] if is_over else []
    if new is not None and new.status == "trial":
        return [("flashed", new, None)]
    return [] if old is None else [("rolled_back", old, new)]


def _beside(before: SlotState, after: SlotState) -> list[_Done]:
    old, new, judging = before.shadowing, after.shadowing, after.judging
    if (old and old.sha256) == (new and new.sha256):
        return []
    if new is not None:
        return [("shadowed", new, None)]
    if old is None or (judging is not None and judging.sha256 == old.sha256):
        return []  # it judges now: that says enough
    return [("unshadowed", old, None)]
