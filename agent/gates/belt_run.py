"""Whether the belt may run: what the host orders, and what the controller confirms; pure."""

from __future__ import annotations

from agent.gates.codes import RunPermit
from agent.gates.messages import Run
from agent.records import GateNotice

ORDER_EVERY_NS = 100_000_000
_STOPPED = GateNotice(
    "belt_stopped",
    "the gate controller has taken the belt's run permit away: the belt stands until a person "
    "resumes the line",
)
_RELEASED = GateNotice("belt_released", "the gate controller lets the belt run again")


class BeltRun:
    """The order in force, over all conversations of one agent. Until one is given none is sent.

    An order is sent again until the controller has answered it: what it said of an older one
    counts for nothing.
    """

    def __init__(self) -> None:
        self._wanted: RunPermit | None = None
        self._number = 0
        self._confirmed = False
        self._due_ns = 0
        self._told = RunPermit.ON

    def want(self, permit: RunPermit) -> None:
        """Order this from now on."""
        if permit is not self._wanted:
            self._wanted = permit
            self._number += 1
            self.meet()

    def meet(self) -> None:
        """Begin anew: this controller has confirmed nothing."""
        self._confirmed = False
        self._due_ns = 0

    @property
    def due_ns(self) -> int | None:
        """Return when `order` has something to send; None while it has not."""
        return None if self._wanted is None or self._confirmed else self._due_ns

    def order(self, now_ns: int) -> Run | None:
        """Return the order to send now; it is void when the next one is due."""
        if self._wanted is None or self._confirmed or now_ns < self._due_ns:
            return None
        self._due_ns = now_ns + ORDER_EVERY_NS
        return Run(self._number, self._wanted)

    def note(self, answer: Run) -> list[GateNotice]:
        """Take the controller's word; returns what there is to tell."""
        if self._wanted is None or answer != Run(self._number, self._wanted):
            return []
        self._confirmed = True
        before, self._told = self._told, answer.permit
        if (before is RunPermit.OFF) is (self._told is RunPermit.OFF):
            return []
        return [_STOPPED if self._told is RunPermit.OFF else _RELEASED]
