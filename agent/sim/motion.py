"""How a simulated belt moves: at constant speeds, one after the other, forwards or back; pure.

Places are nano-ticks of its encoder, so that ticks a second times nanoseconds need no rounding.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

TICK = 1_000_000_000


class Motion:
    """A belt with its own speed, until `steps` of (moment in ns, ticks a second) change it.

    At `start_ns` and at its own speed it is at place 0; a part that is due then is there.
    """

    def __init__(
        self, ticks_per_s: int, start_ns: int = 0, steps: Sequence[tuple[int, int]] = ()
    ) -> None:
        self.ticks_per_s = ticks_per_s
        self._start_ns = start_ns
        self._moments = [at_ns for at_ns, _speed in steps]
        self._speeds = [speed for _at_ns, speed in steps]
        self._places: list[int] = []
        for at_ns in self._moments:
            self._places.append(self._from(len(self._places) - 1, at_ns))

    def place(self, now_ns: int) -> int:
        """Return where the belt is, in nano-ticks."""
        return self._from(bisect_right(self._moments, now_ns) - 1, now_ns)

    def count(self, now_ns: int) -> int:
        """Return what the encoder has counted."""
        return self.place(now_ns) // TICK

    def speed(self, now_ns: int) -> int:
        """Return the ticks a second from this moment on."""
        step = bisect_right(self._moments, now_ns) - 1
        return self.ticks_per_s if step < 0 else self._speeds[step]

    def next_step_ns(self, now_ns: int) -> int | None:
        """Return when the speed changes next; None if it never does."""
        step = bisect_right(self._moments, now_ns)
        return self._moments[step] if step < len(self._moments) else None

    def reached_ns(self, place: int, now_ns: int) -> int | None:
        """Return when a place ahead is reached, or one behind is left, at the present speed.

        None if the belt does not move towards it.
        """
        speed, way = self.speed(now_ns), place - self.place(now_ns)
        if speed > 0 and way >= 0:
            return now_ns + -(-way // speed)
        if speed < 0 and way <= 0:
            return now_ns + -way // -speed + 1
        return None

    def _from(self, step: int, now_ns: int) -> int:
        if step < 0:
            return self.ticks_per_s * (now_ns - self._start_ns)
        return self._places[step] + self._speeds[step] * (now_ns - self._moments[step])
