"""Shows how far a training is: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from training.run_folder import EpochRecord

Clock = Callable[[], float]

LINES_PER_EPOCH = 4


class FitProgress:
    """Counts work as it is done and tells pictures per second and the time left.

    Work is in units of one full-size picture, since an epoch of small pictures is a short one.
    """

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console, self._clock = console, clock
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
        self._bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task: TaskID | None = None
        self._begun_s = clock()
        self._total = self._done = self._before = 0.0
        self._epoch_begun_s, self._epoch_pictures = self._begun_s, 0
        self._name, self._pictures, self._lines = "", 0, 0

    def __enter__(self) -> FitProgress:  # noqa: PYI034 - Self needs Python 3.11
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def begin(self, total: float, done: float) -> None:
        """Set the work of the whole run, and what an earlier process did of it."""
        self._total, self._before, self._done = total, done, 0.0
        self._begun_s = self._clock()

    def begin_epoch(self, name: str, pictures: int) -> None:
        """Set the name of the epoch that starts and how many pictures it has."""
        self._name, self._pictures, self._lines = name, pictures, 0
        self._epoch_begun_s, self._epoch_pictures = self._clock(), 0
        if self._task is None:
            self._task = self._bar.add_task(name, total=self._total, note="")

    def advance(self, pictures: int, work: float, loss: float) -> None:
        """Count one step."""
        self._epoch_pictures += pictures
        self._done += work
        note = f"loss {loss:.4f}  {self.pictures_per_s():.0f} pictures/s  {self._left()} left"
        if self._task is not None:
            self._bar.update(
                self._task,
                description=self._name,
                completed=self._before + self._done,
                note=note,
            )
        due = self._lines + 1
        if self._epoch_pictures * LINES_PER_EPOCH >= due * self._pictures:
            self._lines = self._epoch_pictures * LINES_PER_EPOCH // max(1, self._pictures)
            if not self._console.is_terminal:
                self._say(f"{self._name}: {self._epoch_pictures}/{self._pictures}  {note}")

    def end_epoch(self, record: EpochRecord) -> None:
        """Print the line of an epoch that is over."""
        self._say(
            f"epoch {record.epoch} ({record.phase}, {record.size} px): loss {record.loss:.4f}, "
            f"accuracy {record.accuracy:.4f}, validation {record.val_loss:.4f} / "
            f"{record.val_accuracy:.4f}, {record.pictures_per_s:.1f} pictures/s"
        )

    def pictures_per_s(self) -> float:
        """Return the rate within the current epoch."""
        return self._epoch_pictures / max(self.epoch_s(), 1e-9)

    def epoch_s(self) -> float:
        """Return how long the current epoch has lasted."""
        return self._clock() - self._epoch_begun_s

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _left(self) -> str:
        spent_s = self._clock() - self._begun_s
        left_s = spent_s * (self._total - self._before - self._done) / max(self._done, 1e-9)
        hours, rest = divmod(max(0, round(left_s)), 3600)
        return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"
