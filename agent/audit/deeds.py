"""Notes who started and stopped the line and which model judges, and tells the plant of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from agent.audit.chain import AuditChain, who_runs
from agent.audit.rows import AuditRow, Deed, anchor_text
from agent.audit.verify import last_row, rows_with
from agent.clock import Clock
from agent.errors import LedgerError
from bundle.manifest import Manifest, Thresholds


class Deeds:
    """The agent's own rows in the audit chain. One thread notes; anybody asks for `head`.

    A row that cannot be written is told as the event `audit_lost` and never stops the line. Each
    takes as long as the disk takes to sync: no lane that a part waits for may note.
    """

    def __init__(self, folder: Path, clock: Clock, tell: Callable[[str, str], None]) -> None:
        self._folder = folder
        self._chain = AuditChain(folder, clock)
        self._tell = tell
        self._who = who_runs()

    @property
    def head(self) -> str:
        """Return the chain's last row as NUMBER:HASH; empty for none."""
        head = self._chain.head
        return head.text if head else ""

    def note(self, deed: Deed, text: str, detail: Mapping[str, str] | None = None) -> None:
        """Add a row, and an event that names it."""
        try:
            head = self._chain.append(deed, self._who, text, detail=detail)
        except LedgerError as error:
            self._tell("audit_lost", f"{text}, and that stands in no chain: {error}")
            return
        self._tell("audit", f"{self._who}: {text}; {anchor_text(head)}")

    def rows_with(self, detail: str) -> list[AuditRow]:
        """Return the chain's rows with a detail. Raises LedgerError."""
        return rows_with(self._folder, detail)

    def note_model(self, title: str, manifest: Manifest) -> None:
        """Note model and thresholds where they are not those that the chain told last."""
        digest = manifest.entries["model.tflite"].sha256
        self._note_change(Deed.MODEL, "the model", title, {"sha256": digest})
        self._note_change(Deed.THRESHOLD, "the threshold", _thresholds_text(manifest.thresholds))

    def note_trust(self, text: str, digest: str) -> bool:
        """Note whom this device trusts where the chain told another `digest` last; True if so."""
        if self._last_detail(Deed.TRUST).get("sha256") == digest:
            return False
        self.note(Deed.TRUST, text, {"sha256": digest})
        return True

    def _note_change(
        self, deed: Deed, what: str, now: str, more: Mapping[str, str] | None = None
    ) -> None:
        told = self._last_detail(deed)
        is_told = {"now": now, **(more or {})}
        if {key: told.get(key) for key in is_told} == is_told:
            return
        was = told.get("now", "not known")
        self.note(deed, f"{what} is {now}, it was {was}", {"was": was, **is_told})

    def _last_detail(self, deed: Deed) -> Mapping[str, str]:
        """Return what the chain told last; nothing where it cannot be read: it is told anew."""
        try:
            row = last_row(self._folder, deed)
        except LedgerError:
            return {}
        return row.detail if row else {}


def _thresholds_text(thresholds: Thresholds) -> str:
    # Digit by digit: a change in the last one is a change.
    return f"reject_at {thresholds.reject_at!r}, recheck_at {thresholds.recheck_at!r}"
