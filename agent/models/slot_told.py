"""Takes what was done to the slots over into the audit chain, each deed once."""

from __future__ import annotations

from collections.abc import Callable

from agent.audit.deeds import Deeds
from agent.audit.rows import Deed
from agent.clock import Clock
from agent.errors import LedgerError
from agent.models.slot_news import news_of
from bundle.slot_state import SlotDeed, SlotState

AGAIN_NS = 5_000_000_000
NUMBER, DIGEST = "slot_deed", "sha256"  # details of a row


class SlotTold:
    """Knows which deeds the chain tells already, also those of another start. One thread calls.

    The chain's own rows are what is remembered: a row and the memory of it are one durable write,
    so that no kill comes between. Deeds are told apart by digest, as their numbers begin anew
    where the slots were lost.
    """

    def __init__(self, deeds: Deeds, tell: Callable[[str, str], None], clock: Clock) -> None:
        self._deeds = deeds
        self._tell = tell
        self._clock = clock
        self._digests: set[str] | None = None  # not read from the chain yet
        self._taken: tuple[SlotDeed, ...] = ()
        self._last = 0  # the number of the deed told last
        self._due_ns = 0
        self._complained = False

    def is_behind(self, state: SlotState) -> bool:
        """Tell whether something was done that has not been told, as far as that is known."""
        return self._digests is not None and bool(self._missing(state))

    def take(self, state: SlotState) -> None:
        """Put what was done since into the audit chain, and tell the plant.

        A chain that cannot be read says so once, and is tried again: nothing is told twice. A row
        that cannot be written is told as `audit_lost`, and written by the agent's next start.
        """
        if self._digests is None and not self._read():
            return
        if state.deeds is self._taken:  # the usual case, ten times a second
            return
        missing = self._missing(state)
        if missing and missing[0].number > self._last + 1 and len(missing) == len(state.deeds):
            self._note_gap(self._last + 1, missing[0].number - 1)
        for done in missing:
            self._note(done)
        self._taken = state.deeds

    def _missing(self, state: SlotState) -> list[SlotDeed]:
        told = self._digests or set()
        return [one for one in state.deeds if one.digest not in told]

    def _note(self, done: SlotDeed) -> None:
        news = news_of(done)
        self._deeds.note(news.deed, news.text, {NUMBER: str(done.number), DIGEST: done.digest})
        self._tell(news.kind, news.text)
        self._last = done.number
        self._digests = {*(self._digests or ()), done.digest}

    def _note_gap(self, first: int, last: int) -> None:
        text = f"deeds {first} to {last} on the slots are missing: too many before the agent ran"
        self._deeds.note(Deed.MISSED, text, {NUMBER: str(last)})
        self._tell("slots", text)
        self._last = last

    def _read(self) -> bool:
        """Find out what the chain tells already; False where that cannot be read now."""
        now_ns = self._clock.now_ns()
        if now_ns < self._due_ns:
            return False
        try:
            rows = self._deeds.rows_with(NUMBER)
        except LedgerError as error:
            self._due_ns = now_ns + AGAIN_NS
            if not self._complained:
                self._complained = True
                self._tell("audit_lost", f"what was done to the slots waits: {error}")
            return False
        self._digests = {row.detail.get(DIGEST, "") for row in rows}
        word = rows[-1].detail[NUMBER] if rows else "0"
        self._last = int(word) if word.isascii() and word.isdigit() else 0
        return True
