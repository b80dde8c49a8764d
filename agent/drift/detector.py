"""Says when the line no longer looks like its reference: score, brightness, sharpness."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import Literal

from agent.drift.measures import (
    Bins,
    Cusum,
    allowance_of,
    bin_scores,
    index_noise,
    make_bins,
    stability_index,
)
from agent.records import Event

WINDOW_PARTS = 500
LEARN_PARTS = 500
CHECK_EVERY = 10
BEGIN_INDEX = 0.25
END_SHARE = 0.4  # ends at 0.4 of where it begins: 0.1 for 0.25
FIGURES = ("score", "brightness", "sharpness")
# The lamp or the lens has its own event: a technician cleans, where others look at the model.
KINDS = {"score": "drift", "brightness": "exposure_drift", "sharpness": "drift"}

# What a figure is held against; while the first parts are gathered there is nothing yet.
Source = Literal["bundle", "first parts", "learning"]


@dataclass(frozen=True, slots=True)
class Reference:
    """How a line looks when it is as it should be: the bundle's word, or None where it has none."""

    score: Bins | None = None
    brightness: Bins | None = None
    sharpness: Bins | None = None


@dataclass(frozen=True, slots=True)
class FigureStatus:
    """One figure against its reference; the numbers are None until there are enough parts."""

    name: str
    source: Source
    index: float | None
    cusum: float | None
    drifting: bool


@dataclass(frozen=True, slots=True)
class DriftStatus:
    """All figures at one moment; one that the bundle has a reference of stands twice."""

    figures: tuple[FigureStatus, ...]

    @property
    def drifting(self) -> tuple[str, ...]:
        """Return the names of the figures that no longer look like a reference of theirs."""
        return tuple(dict.fromkeys(one.name for one in self.figures if one.drifting))


class Drift:
    """Watches the figures of the parts; one lane calls `observe`, anybody `status`.

    Each is held against the line's own first parts, which finds small changes, and against the
    bundle's reference, where there is one: that finds what was wrong from the first part on.

    Memory is bounded and taken at the beginning: one byte per figure, reference and part of the
    window, and while the first parts are gathered, eight per part.
    """

    def __init__(
        self,
        reference: Reference | None = None,
        *,
        window_parts: int = WINDOW_PARTS,
        learn_parts: int = LEARN_PARTS,
    ) -> None:
        known = reference or Reference()
        bins = (known.score, known.brightness, known.sharpness)
        self._watches = [
            _Watch(name, each, window_parts, learn_parts)
            for name, one in zip(FIGURES, bins, strict=True)
            for each in ((one, None) if one else (None,))
        ]
        self._observed = 0
        self._status = self._now()

    def observe(
        self,
        at_ns: int,
        *,
        score: float | None = None,
        brightness: float | None = None,
        sharpness: float | None = None,
    ) -> tuple[Event, ...]:
        """Take in what is known of one part; returns what began or ended with it.

        A figure that a part does not have is left out.
        """
        events = []
        values = {"score": score, "brightness": brightness, "sharpness": sharpness}
        for watch in self._watches:
            value = values[watch.name]
            # A NaN lies in no bin.
            if value is not None and math.isfinite(value):
                told = watch.observe(value)
                events += [Event(*told, at_ns)] if told else []
        self._observed += 1
        if events or self._observed % CHECK_EVERY == 0:
            self._status = self._now()
        return tuple(events)

    def status(self) -> DriftStatus:
        """Return the figures as of the last check."""
        return self._status

    def _now(self) -> DriftStatus:
        return DriftStatus(tuple(watch.status() for watch in self._watches))


class _Watch:
    """One figure against one reference: that of the bundle, or the first parts once they came."""

    def __init__(self, name: str, bins: Bins | None, window_parts: int, learn_parts: int) -> None:
        self.name = name
        self._source: Source = "bundle" if bins else "learning"
        self._learned = array("d", bytes(8 * (0 if bins else learn_parts)))
        self._seen = 0
        self._window = bytearray(window_parts)
        self._index: float | None = None
        self._drifting = False
        if bins is not None:
            self._begin(bins)

    def observe(self, value: float) -> tuple[str, str] | None:
        """Take in one value; returns (kind, text) of what began or ended."""
        if self._source == "learning":
            self._learn(value)
            return None
        self._count(self._bins.place(value))
        return None if self._seen % CHECK_EVERY else self._check()

    def status(self) -> FigureStatus:
        if self._source == "learning":
            return FigureStatus(self.name, self._source, None, None, drifting=False)
        cusum = round(self._cusum.value, 2)
        index = None if self._index is None else round(self._index, 4)
        return FigureStatus(self.name, self._source, index, cusum, self._drifting)

    def _learn(self, value: float) -> None:
        self._learned[self._seen] = value
        self._seen += 1
        if self._seen == len(self._learned):
            bins = make_bins(self._learned)
            self._learned = array("d")
            self._source = "first parts"
            self._begin(bins)

    def _begin(self, bins: Bins) -> None:
        self._bins = bins
        self._expected = bins.expected()
        self._scores = bin_scores(self._expected)
        self._counts = [0] * len(bins.shares)
        known = self._source == "bundle"
        self._cusum = Cusum(allowance_of(bins.parts) if known else Cusum.ALLOWANCE)
        noise = index_noise(len(bins.shares), bins.parts, len(self._window))
        self._begin_index = max(BEGIN_INDEX, noise)
        self._seen = 0

    def _count(self, place: int) -> None:
        """Let a part into the window, and the oldest out."""
        at = self._seen % len(self._window)
        if self._seen >= len(self._window):
            self._counts[self._window[at]] -= 1
        self._window[at] = place
        self._counts[place] += 1
        self._seen += 1
        self._cusum.add(self._scores[place])

    def _check(self) -> tuple[str, str] | None:
        """Compare, with hysteresis: what has begun ends only well below where it began."""
        full = self._seen >= len(self._window)
        self._index = stability_index(self._expected, self._counts) if full else None
        index, cusum = self._index or 0.0, abs(self._cusum.value)
        if not self._drifting and (index >= self._begin_index or cusum >= Cusum.LIMIT):
            self._drifting = True
            return KINDS[self.name], self._text()
        calm = index <= END_SHARE * self._begin_index and cusum <= Cusum.OVER
        if self._drifting and full and calm:
            self._drifting = False
            return f"{KINDS[self.name]}_over", f"{self.name} looks like {self._likeness()} again"
        return None

    def _text(self) -> str:
        size = "PSI not known yet" if self._index is None else f"PSI {self._index:.2f}"
        return (
            f"{self.name} no longer looks like {self._likeness()}: it is {self._direction()} "
            f"({size}, CUSUM {self._cusum.value:+.0f}); look at light, lens, camera and parts"
        )

    def _direction(self) -> str:
        filled = min(self._seen, len(self._window))
        mean = sum(z * n for z, n in zip(self._scores, self._counts, strict=True)) / filled
        value = self._cusum.value if abs(self._cusum.value) >= Cusum.LIMIT else mean
        if abs(value) < 0.2:
            return "spread differently"
        return "higher" if value > 0 else "lower"

    def _likeness(self) -> str:
        if self._source == "bundle":
            return "the training data"
        return f"the first {self._bins.parts} parts after the start"
