"""The rungs of the way down: picture size, share of the time, and the lessons on each."""

from __future__ import annotations

from dataclasses import dataclass, replace

from export.calibration import PICTURES, choose_pictures
from export.slim.distil import Lesson
from training.batches import PictureBatches, draw_evenly
from training.fit import Job

_FEW = 32  # pictures
_GRID = 16  # pixels: what is halved five times need not come out even, but nearly


@dataclass(frozen=True, slots=True)
class Rung:
    """One stop of the way down: pictures of `size`, in `share` of the unpruned int8 model's time.

    With `of_itself` it is the share of what the network takes at that size before it is cut. `cuts`
    is in how many steps channels go.
    """

    size: int
    share: float
    cuts: int = 1
    of_itself: bool = False

    @property
    def name(self) -> str:
        """Return the folder's name of the rung, such as 192-at-30."""
        return f"{self.size}-at-{round(100 * self.share)}"


@dataclass(frozen=True, slots=True)
class Lessons:
    """What is taught: `recover` after each cut, `distil` at the end of each rung; None: nothing.

    `relearn` is for a network that got ReLU for its swish, and whose norms follow that; without it
    they do not, and the network is as good as its next lesson makes it.
    """

    distil: Lesson
    recover: Lesson | None = None
    relearn: Lesson | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """All rungs, widest first, and the lessons; each rung goes on from the one before.

    A network that had swish has lessons of its own, `calmed`, where there are any. The climb is
    kept in the folder `folder` of the run. `pictures` is how many an epoch has, `judged` how many
    batches rate the channels. `timed` says whether groups of channels and the steps are measured;
    False: what they take follows from their work alone. With `checked` no more validation pictures
    are used, and rungs are neither balanced nor tested. `calibrated` pictures set the ranges of
    int8 models. `compared` says whether the bundle's card has the unpruned models as well.
    """

    folder: str
    rungs: tuple[Rung, ...]
    lessons: Lessons
    pictures: int
    judged: int
    batch: int = 32
    timed: bool = True
    checked: int | None = None
    calibrated: int = PICTURES
    compared: bool = True
    calmed: Lessons | None = None
    of_size: int | None = None

    @property
    def few(self) -> bool:
        """Tell whether so little is learned that graphs, conversions and resuming don't pay."""
        return self.pictures <= _FEW

    def fit(self, size: int) -> Ladder:
        """Return the ladder for a network of pictures of another size: rungs in proportion."""
        if self.of_size in (None, size):
            return self
        scale = size / self.of_size
        return replace(
            self,
            of_size=size,
            rungs=tuple(replace(rung, size=_grid(scale * rung.size)) for rung in self.rungs),
        )

    def shorten(self, job: Job) -> Job:
        """Return the job with no more validation pictures than are checked, of all labels alike."""
        if self.checked is None:
            return job
        chosen = choose_pictures(job.split.validation, job.options.seed, self.checked)
        return replace(job, split=replace(job.split, validation=tuple(chosen)))

    def batches(self, job: Job) -> PictureBatches:
        """Return the training pictures of an epoch, varied."""
        parts = [job.part_of.get(picture.sha256) for picture in job.split.training]
        drawing = draw_evenly(job.split.training, parts, self.pictures)
        return PictureBatches(
            job.root, job.split.training, job.spec, job.labels, batch=self.batch,
            seed=job.options.seed, augmentation=job.options.augmentation,
            workers=job.options.workers, drawing=drawing, defective=job.defective,
        )  # fmt: skip

    def lessons_of(self, *, swish: bool) -> Lessons:
        """Return the lessons of a network that has swish to lose, or of one that has none."""
        return self.calmed if swish and self.calmed is not None else self.lessons


def _grid(size: float) -> int:
    return max(2 * _GRID, round(size / _GRID) * _GRID)


FULL = Ladder(
    folder="slim",
    rungs=(
        Rung(224, 0.60),
        Rung(192, 0.40),
        Rung(192, 0.35),
        Rung(160, 0.20),
        Rung(128, 0.11),
        Rung(96, 0.07),
    ),
    lessons=Lessons(
        recover=Lesson("recover", epochs=1, learning_rate=1e-3, norms=True),
        distil=Lesson("distil", epochs=4, learning_rate=4e-4),
    ),
    calmed=Lessons(
        relearn=Lesson("relearn without swish", epochs=3, learning_rate=3e-4, norms=True),
        distil=Lesson("distil", epochs=4, learning_rate=3e-4, norms=True),
    ),
    pictures=1600,
    judged=24,
    of_size=224,
)
# To try the command: everything is done once, little of it, and nothing that only informs.
QUICK = Ladder(
    folder="slim-quick",
    rungs=(Rung(64, 0.5, of_itself=True),),
    lessons=Lessons(
        recover=Lesson("recover", epochs=1, learning_rate=1e-3, norms=True),
        distil=Lesson("distil", epochs=1, learning_rate=3e-4),
    ),
    pictures=16,
    judged=1,
    batch=16,
    timed=False,
    checked=32,
    calibrated=16,
    compared=False,
)
