"""The output for the belt's contactor: powered, the belt may run.

`agent/sim/run_output.py` is the model.
"""

import struct

import messages


class RunOutput:
    """What the belt may do by the last order. Without power, and before any order, it stands.

    `put` powers the output or not; None where nothing is connected.
    """

    def __init__(self, put) -> None:
        self._put = put
        self._number = 0
        self._permit = messages.RUN_OFF
        self._stops = self._powered = False

    def there(self) -> bool:
        """Return whether there is anything to stop the belt by."""
        return self._put is not None

    def serve(self, stops: bool) -> None:
        """Obey this line's orders; the belt of a line that gives none stands."""
        self._stops = stops
        if not stops:
            self._permit = messages.RUN_OFF

    def take(self, payload: bytes) -> bytes:
        """Obey an order, and return the one in force.

        An older one, which was long on its way, changes nothing.
        """
        number, permit = struct.unpack(messages.RUN_LAYOUT, payload)
        if self._stops and number > self._number:
            self._number, self._permit = number, permit
        return struct.pack(messages.RUN_LAYOUT, self._number, self._permit)

    def leave_host(self) -> None:
        """Keep what does not depend on this host; another one counts from anew."""
        self._stops = False
        self._number = 0
        if self._permit == messages.RUN_WHILE_HEARD:
            self._permit = messages.RUN_OFF

    def trouble(self, alive: bool) -> int:
        """Return what a part comes to on a belt that may not run; 0 where it may."""
        return messages.BELT_STOP if self._stops and not self._may_run(alive) else 0

    def halt(self, tracker, from_way: int, alive: bool) -> None:
        """Reject what is in flight where the belt may not run: in its time it will be elsewhere."""
        trouble = self.trouble(alive)
        if trouble:
            tracker.bar(trouble, from_way)

    def drive(self, alive: bool) -> None:
        """Power the output or not, with or without a host that is heard."""
        powered = self._may_run(alive)
        if powered != self._powered:
            self._powered = powered
            self._put(powered)

    def _may_run(self, alive: bool) -> bool:
        heard = alive and self._permit == messages.RUN_WHILE_HEARD
        return heard or self._permit == messages.RUN_ON
