"""The controller's output for the belt's contactor: powered, the belt may run; pure."""

from __future__ import annotations

from agent.gates.codes import OutcomeKind, RunPermit
from agent.gates.messages import Run
from agent.sim.tracker import Tracker


class RunOutput:
    """What the belt may do by the last order. Without power, and before any order, it stands."""

    def __init__(self) -> None:
        self._number = 0
        self._permit = RunPermit.OFF
        self._stops = False

    def serve(self, *, stops: bool) -> None:
        """Obey this line's orders; the belt of a line that gives none stands."""
        self._stops = stops
        if not stops:
            self._permit = RunPermit.OFF

    def take(self, order: Run) -> Run:
        """Obey an order, and return the one in force.

        An older one, which was long on its way, changes nothing.
        """
        if self._stops and order.number > self._number:
            self._number, self._permit = order.number, order.permit
        return Run(self._number, self._permit)

    def leave_host(self) -> None:
        """Keep what does not depend on this host; another one counts from anew."""
        self._stops = False
        self._number = 0
        if self._permit is RunPermit.WHILE_HEARD:
            self._permit = RunPermit.OFF

    def powered(self, *, alive: bool) -> bool:
        """Whether the belt may run, with or without a host that is heard."""
        return self._permit is RunPermit.ON or (alive and self._permit is RunPermit.WHILE_HEARD)

    def trouble(self, *, alive: bool) -> OutcomeKind:
        """Return what a part comes to on a belt that may not run; NONE where it may."""
        stands = self._stops and not self.powered(alive=alive)
        return OutcomeKind.BELT_STOP if stands else OutcomeKind.NONE

    def halt(self, tracker: Tracker, from_way: int, *, alive: bool) -> None:
        """Reject what is in flight where the belt may not run: in its time it will be elsewhere."""
        trouble = self.trouble(alive=alive)
        if trouble is not OutcomeKind.NONE:
            tracker.bar(trouble, from_way)
