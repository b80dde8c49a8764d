"""What was done to the slots, in words: for the audit chain and as events."""

from __future__ import annotations

from dataclasses import dataclass

from agent.audit.rows import Deed
from bundle.slot_deeds import named
from bundle.slot_state import DeedKind, SlotDeed


@dataclass(frozen=True, slots=True)
class News:
    """One thing that somebody did to the slots: a row of the audit chain and an event."""

    deed: Deed
    kind: str
    text: str


_ROWS: dict[DeedKind, tuple[Deed, str]] = {
    "flashed": (Deed.FLASHED, "model_flashed"),
    "confirmed": (Deed.CONFIRMED, "model_confirmed"),
    "rolled_back": (Deed.ROLLED_BACK, "model_rolled_back"),
    "shadowed": (Deed.SHADOWED, "shadow_began"),
    "unshadowed": (Deed.SHADOWED, "shadow_over"),
}


def news_of(done: SlotDeed) -> News:
    """Return a deed with who did it."""
    deed, kind = _ROWS[done.kind]
    who = f"; by {done.by}" if done.by else ""
    return News(deed, kind, f"{named(done.title, done.release)} {_what(done)}{who}")


def _what(done: SlotDeed) -> str:
    if done.kind == "flashed":
        return "was flashed and is on probation"
    if done.kind == "confirmed":
        return "is confirmed"
    if done.kind == "shadowed":
        return "looks at the parts beside the model that judges"
    if done.kind == "unshadowed":
        return "no longer looks at the parts"
    if done.back_to:
        return f"was taken off the line, back to {done.back_to}"
    return "was taken off the line and no model is left: every part is rejected"
