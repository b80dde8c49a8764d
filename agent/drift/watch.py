"""Feeds drift and trend with what the recorder has written, one model at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from agent.drift.detector import Drift, DriftStatus, Reference
from agent.drift.measures import Bins
from agent.drift.trend import Trend, TrendStatus
from agent.quality.frames import FrameQuality
from agent.records import Event, Judged, ToRecorder
from bundle.light import is_gray
from bundle.manifest import Manifest

Pixels = NDArray[np.uint8]
# Finds the manifest of the model with this title; None where it judges no more.
ManifestOf = Callable[[str], Manifest | None]


def _no_manifest(title: str) -> Manifest | None:  # noqa: ARG001 - it is that of any model
    return None


class LineWatch:
    """Whether the line still looks as it did, for the model that judges just now.

    One lane calls `observe`, anybody asks `drift` and `trend`. `quality` is this watch's own.
    Every score counts. Sharpness costs more than the inspection lane could spare, so pictures are
    measured behind the commit, the newest of each: on a quiet line that is every one. The model's
    bundle says how its training pictures looked, and in which region sharpness is measured.
    """

    def __init__(self, quality: FrameQuality, manifest_of: ManifestOf = _no_manifest) -> None:
        self._quality = quality
        self._manifest_of = manifest_of
        self._model = ""
        self._drift, self._trend = Drift(), Trend()

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
        if verdict.model != self._model and judged.pixels is not None:
            self._begin(verdict.model, judged.pixels)
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

    def _begin(self, model: str, pixels: Pixels) -> None:
        """Begin anew: another model gives other scores and rejects other parts."""
        self._model = model
        manifest = self._manifest_of(model)
        if manifest is not None:
            region = manifest.input.region
            window = (region.x, region.y, region.width, region.height) if region else None
            self._quality.look_at(window)
        self._drift, self._trend = Drift(_reference(manifest, pixels)), Trend()


def _reference(manifest: Manifest | None, pixels: Pixels) -> Reference | None:
    """Return how the training data looked. A model judges frames of their size only."""
    known = manifest.reference if manifest is not None else None
    if known is None:
        return None
    score = Bins.known(known.score)
    if is_gray(pixels) != known.gray:  # of colour another figure is measured than of gray
        return Reference(score)
    return Reference(score, Bins.known(known.brightness), Bins.known(known.sharpness))


def _was_seen(judged: Judged) -> bool:
    return judged.pixels is not None and judged.verdict.score is not None
