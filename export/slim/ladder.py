"""The rungs of the way down: picture size, share of the time, and the lessons on each."""

from __future__ import annotations

from dataclasses import dataclass

from export.slim.distil import Lesson


@dataclass(frozen=True, slots=True)
class Rung:
    """One stop of the way down: pictures of `size`, in `share` of the unpruned int8 model's time.

    `cuts` is in how many steps channels go, each followed by the lesson `recover`.
    """

    size: int
    share: float
    cuts: int = 1

    @property
    def name(self) -> str:
        """Return the folder's name of the rung, such as 192-at-30."""
        return f"{self.size}-at-{round(100 * self.share)}"


@dataclass(frozen=True, slots=True)
class Ladder:
    """All rungs, widest first, and the lessons; each rung goes on from the one before.

    `relearn` is for a network that lost its swish. The climb is kept in the folder `folder` of the
    run. `pictures` is how many an epoch has, `judged` how many batches rate the channels. `timed`
    says whether each group of channels is measured; False: costs follow from the work alone.
    """

    folder: str
    rungs: tuple[Rung, ...]
    relearn: Lesson
    recover: Lesson
    distil: Lesson
    pictures: int
    judged: int
    batch: int = 32
    timed: bool = True


FULL = Ladder(
    folder="slim",
    rungs=(
        Rung(224, 0.60),
        Rung(224, 0.38),
        Rung(192, 0.28),
        Rung(160, 0.20),
        Rung(128, 0.11),
    ),
    relearn=Lesson("relearn without swish", epochs=3, learning_rate=1e-3, norms=True),
    recover=Lesson("recover", epochs=1, learning_rate=1e-3, norms=True),
    distil=Lesson("distil", epochs=4, learning_rate=4e-4),
    pictures=1600,
    judged=24,
)
# For tests: everything is done once, and little of it.
QUICK = Ladder(
    folder="slim-quick",
    rungs=(Rung(64, 0.7),),
    relearn=Lesson("relearn without swish", epochs=1, learning_rate=1e-3, norms=True),
    recover=Lesson("recover", epochs=1, learning_rate=1e-3, norms=True),
    distil=Lesson("distil", epochs=1, learning_rate=3e-4),
    pictures=64,
    judged=2,
    batch=16,
    timed=False,
)
