"""Trigger driver `presence`: a part is found in the camera's own picture."""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.config.trigger import PresenceTrigger as Section
from agent.errors import GateError
from agent.mailbox import NeverLose
from agent.records import Frame

# The region is looked at through so many points each way at most: it tells enough.
_POINTS = 64
_WAITING = 256
_NS_PER_MS = 1_000_000


class PresenceTrigger:
    """One trigger per part, at the first frame that shows it.

    The capture lane calls `see` and `blind`, the gate lane all else; the moments go through a
    mailbox. A part that stands in the region when the camera comes gives none: nobody knows
    since when. The region has to be seen empty first.
    """

    def __init__(self, section: Section) -> None:
        self._section = section
        self._longest_ns = round((section.longest_ms or 0) * _NS_PER_MS)
        self._wake: Callable[[], None] = _nobody
        self._moments: NeverLose[int] = NeverLose(_WAITING, on_put=self._call)
        self._fault = ""
        self._open = False
        self._forget()

    def attach(self, wake: Callable[[], None]) -> None:
        """Name what to call when a part was found: the gate's `wake`."""
        self._wake = wake

    def see(self, frame: Frame) -> None:
        """Look at the next frame of the camera."""
        share = self._share(frame.pixels)
        if share is None:
            self.blind("trigger.region lies outside of the camera's frames")
            return
        self._fault = ""
        if self._there is False:
            self._await_part(share, frame.taken_ns)
        else:
            self._await_end(share, frame.taken_ns)

    def blind(self, why: str) -> None:
        """Note that the camera shows nothing: until it does, no part can be told."""
        self._fault = why
        self._moments.take_all(0.0)
        self._forget()

    @property
    def due_ns(self) -> int | None:
        """Return None: when the next part comes is not known."""
        return None

    def open(self, now_ns: int) -> None:
        """Begin to tell parts; harmless when that has been done. Raises GateError while blind."""
        del now_ns
        self._check()
        self._open = True

    def poll(self, now_ns: int) -> Sequence[int]:
        """Return the moments of the parts found since the last call. Raises GateError if blind."""
        del now_ns
        if not self._open:
            return []
        self._check()
        return self._moments.take_all(0.0)

    def watch(self, poller: select.poll) -> None:
        """Do nothing: whoever waits for the gate is woken by the gate's own waker."""

    def close(self) -> None:
        """Stop telling parts."""
        self._open = False
        self._moments.take_all(0.0)

    def _call(self) -> None:
        """Wake whoever is attached by now."""
        self._wake()

    def _check(self) -> None:
        if self._fault:
            self._open = False
            raise GateError(f"trigger presence: {self._fault}")

    def _forget(self) -> None:
        """Begin anew: whether a part is in the region is not known (None)."""
        self._there: bool | None = None
        self._in_a_row = 0
        self._first_ns = 0
        self._doubled = False

    def _await_part(self, share: float, taken_ns: int) -> None:
        if share < self._section.on_share:
            self._in_a_row = 0
            return
        self._first_ns = self._first_ns if self._in_a_row else taken_ns
        self._in_a_row += 1
        if self._in_a_row >= self._section.frames:
            self._there, self._in_a_row, self._doubled = True, 0, False
            self._tell(self._first_ns)

    def _await_end(self, share: float, taken_ns: int) -> None:
        if share <= self._section.off_share:
            self._in_a_row += 1
            if self._in_a_row >= self._section.frames:
                self._there, self._in_a_row = False, 0
            return
        self._in_a_row = 0
        too_long = taken_ns - self._first_ns > self._longest_ns > 0
        if self._there and too_long and not self._doubled:
            # Two parts that touch: a second trigger within the pitch, so that neither is passed.
            self._doubled = True
            self._tell(self._first_ns + 1)

    def _tell(self, at_ns: int) -> None:
        if not self._moments.put(at_ns):
            self.blind("more parts were found than the gate has asked for")

    def _share(self, pixels: NDArray[np.uint8]) -> float | None:
        """Return which share of the region belongs to a part; None without the whole region."""
        section = self._section
        x, y, width, height = section.region
        if pixels.shape[0] < y + height or pixels.shape[1] < x + width:
            return None
        step_y, step_x = -(-height // _POINTS), -(-width // _POINTS)
        points = pixels[y : y + height : step_y, x : x + width : step_x]
        if points.ndim == 3:
            points = points[..., min(1, points.shape[2] - 1)]  # green, where there are colours
        found = points >= section.level if section.part_is == "brighter" else points < section.level
        return float(np.count_nonzero(found)) / found.size


def _nobody() -> None:
    """Wake nobody: no gate is attached yet."""
