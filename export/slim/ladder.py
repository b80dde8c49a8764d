"""The rungs of the way down: picture size, share of the time, and the lessons on each."""

from __future__ import annotations

from dataclasses import dataclass

from export.calibration import PICTURES
from export.slim.distil import Lesson


@dataclass(frozen=True, slots=True)
class Rung:
    """One stop of the way down: pictures of `size`, in `share` of the unpruned int8 model's time.

    `cuts` is in how many steps channels go, each followed by the lesson `recover`. A `polished`
    rung is the network of the same rung after one more, longer lesson.
    """

    size: int
    share: float
    cuts: int = 1
    polished: bool = False

    @property
    def name(self) -> str:
        """Return the folder's name of the rung, such as 192-at-30."""
        return self.source + ("-polished" if self.polished else "")

    @property
    def source(self) -> str:
        """Return the name of the rung that a polished one was made of; else its own."""
        return f"{self.size}-at-{round(100 * self.share)}"


@dataclass(frozen=True, slots=True)
class Ladder:
    """All rungs, widest first, and the lessons; each rung goes on from the one before.

    `relearn` is for a network that lost its swish; such a one is not done learning when it is
    narrow, so one rung of it is `polished` at the end. The climb is kept in the folder `folder` of
    the run. `pictures` is how many an epoch has, `judged` how many batches rate the channels.
    `timed` says whether groups of channels and the steps are measured; False: what they take
    follows from their work alone. After a step about `checked` validation pictures are judged, all
    without it. `calibrated` pictures set the ranges of int8 models. `compared` says whether the
    bundle's card has the unpruned models as well.
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
    checked: int | None = None
    calibrated: int = PICTURES
    compared: bool = True
    polish: Lesson | None = None
    polished: Rung | None = None

    def all_rungs(self, *, swish: bool) -> tuple[Rung, ...]:
        """Return the rungs in their order, with the polished one where there is one."""
        if not swish or self.polished is None:
            return self.rungs
        return (*self.rungs, self.polished)


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
    polish=Lesson("polish", epochs=12, learning_rate=6e-4, from_teacher=0.9, from_feature=0.5),
    polished=Rung(192, 0.28, polished=True),
    pictures=1600,
    judged=24,
)
# To try the command: everything is done once, little of it, and nothing that only informs.
QUICK = Ladder(
    folder="slim-quick",
    rungs=(Rung(64, 0.7),),
    relearn=Lesson("relearn without swish", epochs=1, learning_rate=1e-3, norms=True),
    recover=Lesson("recover", epochs=1, learning_rate=1e-3, norms=True),
    distil=Lesson("distil", epochs=1, learning_rate=3e-4),
    pictures=32,
    judged=2,
    batch=16,
    timed=False,
    checked=64,
    calibrated=16,
    compared=False,
)
