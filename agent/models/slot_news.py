"""What a change of the slots means, in words: for the audit chain and as events."""

from __future__ import annotations

from dataclasses import dataclass

from agent.audit.rows import Deed
from bundle.slot_state import Installed, SlotState


@dataclass(frozen=True, slots=True)
class News:
    """One thing that somebody did to the slots: a row of the audit chain and an event."""

    deed: Deed
    kind: str
    text: str


def news_of(before: SlotState, after: SlotState) -> list[News]:
    """Return what was done between two states, each with who did it."""
    found = [*_active_news(before, after), *_shadow_news(before, after)]
    who = f"; by {after.by}" if after.by else ""
    return [News(one.deed, one.kind, one.text + who) for one in found]


def same_model(before: SlotState, after: SlotState) -> bool:
    """Tell whether the same bundle in the same slot is to judge."""
    old, new = before.judging, after.judging
    if old is None or new is None:
        return old is new
    return (before.active, old.sha256) == (after.active, new.sha256)


def _active_news(before: SlotState, after: SlotState) -> list[News]:
    old, new = before.judging, after.judging
    if same_model(before, after):
        if old is not None and new is not None and (old.status, new.status) == ("trial", "good"):
            return [News(Deed.CONFIRMED, "model_confirmed", f"{_named(new)} is confirmed")]
        return []
    if new is None:
        text = f"{_named(old)} was taken off the line and no model is left: every part is rejected"
        return [News(Deed.ROLLED_BACK, "model_rolled_back", text)]
    if new.status == "trial":
        text = f"{_named(new)} was flashed and is on probation"
        return [News(Deed.FLASHED, "model_flashed", text)]
    if old is None:
        return []
    text = f"{_named(old)} was taken off the line, back to {_named(new)}"
    return [News(Deed.ROLLED_BACK, "model_rolled_back", text)]


def _shadow_news(before: SlotState, after: SlotState) -> list[News]:
    old, new = before.shadowing, after.shadowing
    if (old and old.sha256) == (new and new.sha256):
        return []
    if new is not None:
        text = f"{_named(new)} looks at the parts beside the model that judges"
        return [News(Deed.SHADOWED, "shadow_began", text)]
    judging = after.judging
    if old is None or (judging is not None and judging.sha256 == old.sha256):
        return []  # it judges now: that says enough
    text = f"{_named(old)} no longer looks at the parts"
    return [News(Deed.SHADOWED, "shadow_over", text)]


def _named(held: Installed | None) -> str:
    return "the model" if held is None else f"{held.title} (release {held.release})"
