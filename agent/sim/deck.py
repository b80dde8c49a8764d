"""The parts of a simulated belt: which casting has which number, and what is wrong with it."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from agent.sim.castings import Casting, choose_defects, draw_casting, part_seed
from agent.sim.defects import DefectKind

Pixels = NDArray[np.uint8]

_KEPT = 512  # canvases in memory at one time: some 90 MB at 300 pixels


class Deck:
    """`size` different castings which repeat, a share of them defective.

    What a part is depends on the seed and its number alone, so that camera, demo and judge agree
    without a word. `pixels` is the side of the square picture.
    """

    def __init__(self, size: int, defect_share: float, seed: int, pixels: int = 300) -> None:
        self._size = size
        self._seed = seed
        self._pixels = pixels
        order = np.random.default_rng([seed, size]).permutation(size)
        self._bad = frozenset(int(index) for index in order[: round(size * defect_share)])
        self._canvases: OrderedDict[int, Casting] = OrderedDict()

    @property
    def pixels(self) -> int:
        """Return the height and width of a picture."""
        return self._pixels

    def defective(self, part: int) -> bool:
        """Return whether the part with this number, from 0, is defective."""
        return part % self._size in self._bad

    def kinds(self, part: int) -> tuple[DefectKind, ...]:
        """Return what is wrong with a part; nothing, with a good one."""
        return choose_defects(self._seed_of(part)) if self.defective(part) else ()

    def casting(self, part: int) -> Casting:
        """Return the part, its picture as wide again as high: the left half is empty belt."""
        index = part % self._size
        drawn = self._canvases.get(index)
        if drawn is None:
            drawn = draw_casting(self._seed_of(part), self.kinds(part), self._pixels, self._pixels)
            drawn.pixels.flags.writeable = False
            self._canvases[index] = drawn
            if len(self._canvases) > _KEPT:
                self._canvases.popitem(last=False)
        return drawn

    def view(self, part: int, right: int) -> Pixels:
        """Return the picture of a part which has moved `right` pixels out of the middle.

        It is a window on memory that is kept: nobody may write to it.
        """
        left = self._pixels - min(max(right, 0), self._pixels)
        return self.casting(part).pixels[:, left : left + self._pixels]

    def prepare(self) -> None:
        """Draw ahead all parts that are kept."""
        for part in range(min(self._size, _KEPT)):
            self.casting(part)

    def _seed_of(self, part: int) -> int:
        return part_seed("belt", self._seed, part % self._size)
