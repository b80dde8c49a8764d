"""Start, watch and stop the lanes; feed the watchdog only while all of them come round."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from agent.clock import Clock
from agent.lanes.lane import Lane

logger = logging.getLogger("linewarden.supervisor")

# The longest step of any lane is a commit on a slow card; beyond this a lane hangs.
STALE_AFTER_NS = 5_000_000_000


class Supervisor:
    """Owns the threads. Lanes are started in the given order and stopped in the same one.

    The order is that of the parts' way: whoever hands over is stopped before who receives.
    """

    def __init__(self, lanes: Sequence[Lane], clock: Clock) -> None:
        self._lanes = lanes
        self._clock = clock

    def start(self) -> None:
        """Start every lane, the receivers first."""
        for lane in reversed(self._lanes):
            lane.beat()
            lane.start()

    def dead(self) -> list[str]:
        """Return the names of lanes whose thread has ended or given up."""
        return [lane.name for lane in self._lanes if not lane.alive and not lane.stopping]

    def stale(self) -> list[str]:
        """Return the names of lanes that have not come round for too long."""
        oldest_ns = self._clock.now_ns() - STALE_AFTER_NS
        return [lane.name for lane in self._lanes if lane.beat_ns < oldest_ns]

    def stop(self, deadline_s: float) -> bool:
        """Stop every lane within `deadline_s` each; False when one did not end."""
        ended = True
        for lane in self._lanes:
            lane.stop()
            if not lane.wait(deadline_s):
                logger.error("lane=%s did not end within %.1f s", lane.name, deadline_s)
                ended = False
        return ended
