"""Keeps the agent's side of the slots: never raises, says what is wrong once, tries again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.clock import Clock
from agent.models.probation import Probation
from agent.models.slot_watch import SlotWatch
from bundle import judging
from bundle.errors import BundleError, SlotBusyError
from bundle.slot_state import SlotState, rolled_back

logger = logging.getLogger("linewarden.models")

AGAIN_NS = 5_000_000_000


class SlotKeeper:
    """Settles the slots, looks at them, and ends a probation. All calls come from one thread.

    A disk that takes nothing stops nobody: the failed model is left all the same, and the slots
    are told as soon as they can be written. `ended` is how the last probation ended by itself.
    """

    def __init__(self, slots: SlotWatch, tell: Callable[[str, str], None], clock: Clock) -> None:
        self._slots = slots
        self._tell = tell
        self._clock = clock
        self._told = ""
        self._due_ns = self._begin_ns = 0
        self._unwritten = False  # a rollback that the disk did not take
        self.ended: judging.Probation | None = None

    def look(self) -> SlotState | None:
        """Return the state where it may have changed since the last look."""
        if not self._slots.begun and self._clock.now_ns() >= self._begin_ns:
            self._begin()
        try:
            state = self._slots.look()
        except BundleError as error:
            self._complain(error)
            return None
        if state is not None:
            self._unwritten = False
        return state

    def follow_up(
        self, state: SlotState, probation: Probation | None, *, off: bool
    ) -> SlotState | None:
        """Confirm or roll back what is due; returns the state after it, None for no change.

        `off` says that a model was refused and so is not the one that judges.
        """
        if self._clock.now_ns() < self._due_ns:
            return None
        if self._unwritten:
            return self._write(lambda: self._slots.rollback(or_none=True))
        if state.on_trial and off:
            # Without a way back nothing is gained: whoever flashed it reads that it was refused.
            refused = state.previous is not None
            return self._write(lambda: self._slots.rollback(or_none=False)) if refused else None
        return None if probation is None or not state.on_trial else self._end(state, probation)

    def _begin(self) -> None:
        try:
            findings = self._slots.begin()
        except BundleError as error:
            self._begin_ns = self._clock.now_ns() + AGAIN_NS
            self._complain(error)
            return
        for finding in findings:
            logger.warning("slots: %s", finding)
            self._tell("slots", finding)

    def _end(self, state: SlotState, probation: Probation) -> SlotState | None:
        status = probation.status(self._clock.now_ns())
        if status.state == "running":
            return None
        if status.state == "passed":
            return self._write(self._slots.confirm)
        if self.ended != status:
            self.ended = status
            found = "; ".join(status.findings)
            logger.error("probation of %s failed: %s", status.title, found)
            self._tell("probation_failed", f"{status.title} failed its probation: {found}")
        after = self._write(lambda: self._slots.rollback(or_none=True))
        if after is None:
            self._unwritten = True
            by = {"by": self._slots.me}
            return rolled_back(state, or_none=True).model_copy(update=by)
        return after

    def _write(self, change: Callable[[], SlotState]) -> SlotState | None:
        """Change the slots; None where that cannot be done now."""
        try:
            after = change()
        except SlotBusyError:
            return None  # a technician is at it for a moment
        except BundleError as error:
            self._due_ns = self._clock.now_ns() + AGAIN_NS
            self._complain(error)
            return None
        self._told, self._unwritten = "", False
        return after

    def _complain(self, error: BundleError) -> None:
        if str(error) != self._told:
            self._told = str(error)
            logger.error("slots: %s", error)
            self._tell("slots", str(error))
