"""Which reports about parts were handed up and recorded in this run; bounded and pure."""

from __future__ import annotations

from agent.gates.codes import ReportKind
from agent.records import GateOutcome, Trigger

# More than twice what a controller keeps unrecorded, so nothing it repeats is forgotten here.
MAX_PARTS = 8192
_HANDED = (1, 4)
_RECORDED = (2, 8)
_LIVE = 16


class PartBook:
    """The parts of one boot of the controller; another boot begins an empty book."""

    def __init__(self) -> None:
        self.boot: int | None = None
        self._marks: dict[int, int] = {}

    def begin(self, boot: int) -> bool:
        """Turn to this boot; True when an earlier one was known and is another."""
        restarted = self.boot is not None and self.boot != boot
        if self.boot != boot:
            self._marks.clear()
        self.boot = boot
        return restarted

    def hand(self, kind: ReportKind, part: int) -> bool:
        """Mark a report as handed up; False when it was before."""
        marks = self._marks.get(part, 0)
        if marks & _HANDED[kind]:
            return False
        if not marks and len(self._marks) >= MAX_PARTS:
            del self._marks[next(iter(self._marks))]
        self._marks[part] = marks | _HANDED[kind]
        return True

    def handed(self, kind: ReportKind, part: int) -> bool:
        """Whether the report was handed up in this run."""
        return bool(self._marks.get(part, 0) & _HANDED[kind])

    def note(self, event: Trigger | GateOutcome) -> tuple[ReportKind, int] | None:
        """Note that a report's row is committed; returns what to tell the present controller."""
        if event.boot != self.boot:
            return None
        kind = ReportKind.TRIGGER if isinstance(event, Trigger) else ReportKind.OUTCOME
        if event.part in self._marks:
            self._marks[event.part] |= _RECORDED[kind]
        return kind, event.part

    def recorded(self, kind: ReportKind, part: int) -> bool:
        """Whether the report's row is committed, so that a repeat can be answered at once."""
        return bool(self._marks.get(part, 0) & _RECORDED[kind])

    def enliven(self, part: int) -> None:
        """Mark a part, just handed up, as one that may be passed."""
        self._marks[part] |= _LIVE

    def deaden(self, part: int) -> None:
        """Mark a part, its outcome just handed up, as one that nothing can pass any more."""
        self._marks[part] &= ~_LIVE

    def live(self, part: int) -> bool:
        """Whether the part may still be passed."""
        return bool(self._marks.get(part, 0) & _LIVE)

    def void(self) -> None:
        """Let none of the parts known so far be passed any more."""
        for part, marks in self._marks.items():
            self._marks[part] = marks & ~_LIVE
