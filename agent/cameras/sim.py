"""A free-running camera over the simulated belt, showing drawn castings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.cameras.pace import FramePace
from agent.clock import Clock
from agent.config import camera as config_camera
from agent.config import document as config
from agent.errors import CameraError
from agent.records import Frame
from agent.sim.belt import Belt
from agent.sim.castings import draw_belt, part_seed
from agent.sim.deck import Deck

# The belt indexes: a part creeps while it lies under the camera and is then whisked away, as
# shares of the mean time between two parts. At a constant speed it would be half out of the
# picture before a camera of 120 frames a second had taken its first frame.
_RESTS, _GONE = 0.75, 0.98
_CREEP = 0.02  # how far it moves while it rests, as a share of the picture


class SimCamera:
    """Shows the belt's latest part, centred when it meets the photo-eye, else the empty belt."""

    def __init__(self, section: config_camera.SimCamera, belt: config.Belt, clock: Clock) -> None:
        self._frame_rate, self._buffers = section.frame_rate, section.buffers
        self._clock = clock
        self._belt = Belt(**belt.model_dump())
        self._deck = Deck(section.deck, section.defect_share, belt.seed)
        self._empty = draw_belt(part_seed("empty", belt.seed, 0), self._deck.pixels)
        self._empty.flags.writeable = False
        self._pace: FramePace | None = None

    def open(self) -> None:
        """Draw the parts and begin to count frames."""
        self._deck.prepare()
        self._pace = FramePace(self._frame_rate, self._clock, self._buffers)

    def read(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None after `timeout_s`. Raises CameraError when not open.

        Its pixels are a read-only window on what is kept in memory.
        """
        pace = self._pace
        if pace is None:
            raise CameraError("the simulated camera is not open")
        due = pace.wait(timeout_s)
        if due is None:
            return None
        taken_ns, number = due
        return Frame(self._seen(taken_ns), taken_ns, number)

    def close(self) -> None:
        """Stop counting frames."""
        self._pace = None

    def _seen(self, at_ns: int) -> NDArray[np.uint8]:
        """Return what lies under the camera at `at_ns`."""
        part = self._belt.latest_part(at_ns)
        if part is None:
            return self._empty
        right = displacement(self._belt, at_ns - self._belt.arrival_ns(part), self._deck.pixels)
        return self._empty if right >= self._deck.pixels else self._deck.view(part, right)


def displacement(belt: Belt, since_ns: int, size: int) -> int:
    """Return how many pixels a part has moved so long after it met the photo-eye."""
    share = since_ns / belt.pitch_ns
    crept = _CREEP * size * min(share / _RESTS, 1.0)
    if share <= _RESTS:
        return int(crept)
    leaving = min((share - _RESTS) / (_GONE - _RESTS), 1.0)
    return int(crept + (size - crept) * leaving * leaving + 0.5)
