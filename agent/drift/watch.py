"""Feeds drift and trend with what the recorder has written, one model at a time."""

from __future__ import annotations

from collections.abc import Iterable

from agent.drift.detector import Drift, DriftStatus
from agent.drift.trend import Trend, TrendStatus
from agent.quality.frames import FrameQuality
from agent.records import Event, Judged, ToRecorder


class LineWatch:
    """Whether the line still looks as it did, for the model that judges just now.

    One lane calls `observe`, anybody asks `drift` and `trend`. `quality` is this watch's own.
    Every score counts. Sharpness costs more than the inspection lane could spare, so pictures are
    measured behind the commit, the newest of each: on a quiet line that is every one.
    """

    def __init__(self, quality: FrameQuality) -> None:
        self._quality = quality
        self._begin("")

    @property
    def drift(self) -> DriftStatus:
        """Return score, brightness and sharpness against their reference."""
        return self._drift.status()

    @property
    def trend(self) -> TrendStatus:
        """Return where the reject rate is going."""
        return self._trend.status()

    def observe(self, group: Iterable[ToRecorder], at_ns: int) -> list[Event]:
        """Take in what one commit has written; returns what began or ended with it.

        Only parts that the model saw count, and each once: what is amended later has no picture.
        """
        judged = [item for item in group if isinstance(item, Judged) and _was_seen(item)]
        events: list[Event] = []
        for item in judged:
            events += self._take(item, at_ns, measured=item is judged[-1])
        return events

    def _take(self, judged: Judged, at_ns: int, *, measured: bool) -> tuple[Event, ...]:
        verdict = judged.verdict
        if verdict.model != self._model:
            self._begin(verdict.model)
        brightness, sharpness = self._measure(judged) if measured else (None, None)
        drifted = self._drift.observe(
            at_ns, score=verdict.score, brightness=brightness, sharpness=sharpness
        )
        return drifted + self._trend.observe(verdict.kind, at_ns)

    def _measure(self, judged: Judged) -> tuple[float | None, float | None]:
        pixels = judged.pixels
        if pixels is None:
            return None, None
        figures = self._quality.measure(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)
        return figures.mean, figures.sharpness

    def _begin(self, model: str) -> None:
        """Begin anew: another model gives other scores and rejects other parts."""
        self._model = model
        self._drift, self._trend = Drift(), Trend()


def _was_seen(judged: Judged) -> bool:
    return judged.pixels is not None and judged.verdict.score is not None
