"""Hands what the recorder has written on to those who ask how the model does."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from agent.drift.watch import LineWatch, ManifestOf
from agent.models.probation import Figures, History, Probation, Seen, seen_of
from agent.quality.frames import FrameQuality
from agent.records import Event, Judged, ToRecorder

WAITING = 4096  # small records; more than a minute at 50 parts a second


class ModelWatch:
    """The parts of the model that judges now. The recorder's lane calls `take`, one other the rest.

    Only parts that met the photo-eye after the swap count: those before it waited for the loading.
    """

    def __init__(self) -> None:
        self._inbox: deque[tuple[str, int, Seen]] = deque(maxlen=WAITING)
        self._history = History()
        self._title = ""
        self._since_ns = 0
        self.probation: Probation | None = None

    def take(self, judged: Judged) -> None:
        """Take in what was written of one part; never waits."""
        seen = seen_of(judged)
        if seen is not None:
            at_ns = judged.verdict.part.trigger.at_ns
            self._inbox.append((judged.verdict.model, at_ns, seen))

    def begin(self, title: str, at_ns: int) -> None:
        """Begin anew: another model judges from this moment on."""
        self._history.clear()
        self.probation = None
        self._title, self._since_ns = title, at_ns

    def drain(self) -> None:
        """Count what was taken in meanwhile."""
        while self._inbox:
            title, at_ns, seen = self._inbox.popleft()
            # What was not inspected names no model.
            if at_ns <= self._since_ns or title not in ("", self._title):
                continue
            self._history.add(seen)
            if self.probation is not None:
                self.probation.add(seen)

    def figures(self, limit_ns: int) -> Figures | None:
        """Return what the model did over its last parts; None of too few."""
        return self._history.figures(limit_ns)

    @property
    def fits(self) -> bool:
        """Whether the model has judged a part of this camera."""
        return self._history.fits


class WatchedLine(LineWatch):
    """The line's watch, which shows every written part to the models' watchers too."""

    def __init__(
        self, quality: FrameQuality, show: Callable[[Judged], None], manifest_of: ManifestOf
    ) -> None:
        super().__init__(quality, manifest_of)
        self._show = show

    def observe(self, group: Iterable[ToRecorder], at_ns: int) -> list[Event]:
        """Take in what one commit has written; returns what began or ended with it."""
        items = list(group)
        for item in items:
            if isinstance(item, Judged):
                self._show(item)
        return super().observe(items, at_ns)
