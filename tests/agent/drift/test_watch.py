"""What the recorder has written is held against the line's own past."""

from __future__ import annotations

import random

import numpy as np
import pytest
from bundles import SPEC, some_manifest

from agent.config.quality import Quality
from agent.drift.measures import Bins
from agent.drift.watch import LineWatch
from agent.quality.frames import FrameQuality
from agent.records import Event, Judged, Part, Reason, Trigger, Verdict, VerdictKind
from bundle.light import Sharpness
from bundle.manifest import Region
from bundle.reference import FigureReference, LineReference, cut

GRID = np.indices((16, 16)).sum(axis=0) % 2


def judged(rng, kind=VerdictKind.PASS, *, level=120, contrast=10, **changes):
    """Return a part that the model saw, with a picture of about that brightness."""
    pixels = GRID * contrast + level + rng.gauss(0, 2)
    fields = {"score": rng.betavariate(2, 8), "model": "casting-1"} | changes
    picture = np.clip(pixels + rng.gauss(0, 1) * GRID, 0, 255).astype(np.uint8)
    return Judged(Verdict(Part(1, Trigger(1, 1, 0)), kind, **fields), picture)


def feed(watch, parts, group=1):
    """Let parts be committed in groups; returns the events."""
    parts, events = list(parts), []
    for at in range(0, len(parts), group):
        events += watch.observe(parts[at : at + group], at)
    return events


@pytest.fixture
def watch():
    """Return a watch that has seen nothing."""
    return LineWatch(FrameQuality(Quality()))


@pytest.fixture
def rng():
    """Return seeded chance."""
    return random.Random(1)


@pytest.mark.parametrize(
    ("figure", "change", "kind"),
    [
        ("score", {"score": 0.9}, "drift"),
        ("brightness", {"level": 90}, "exposure_drift"),
        ("sharpness", {"contrast": 3}, "drift"),
    ],
)
def test_each_figure_is_taken_from_where_it_stands(watch, rng, figure, change, kind):
    """The score from the verdict, brightness and sharpness from the picture."""
    assert feed(watch, [judged(rng) for _ in range(600)]) == []
    events = feed(watch, [judged(rng, **change) for _ in range(60)])
    assert [event.kind for event in events] == [kind]
    assert events[0].text.startswith(f"{figure} no longer looks like")
    assert watch.drift.drifting == (figure,)


def test_a_reject_rate_that_creeps_is_told(watch, rng):
    """REJECT and RECHECK of what was committed, in groups of any size."""
    rates = [0.02 + 0.01 * (at // 1000) for at in range(12_000)]
    parts = [
        judged(rng, VerdictKind.REJECT if rng.random() < rate else VerdictKind.PASS)
        for rate in rates
    ]
    events = feed(watch, parts, 100)
    assert [event.kind for event in events] == ["reject_trend"]
    assert watch.trend.trend == "rising"


def test_of_a_commit_one_picture_is_measured_and_every_score_counts(rng):
    """What a busy line costs the recorder is bounded; on a quiet line nothing is left out."""
    measured = []

    class Counting(FrameQuality):
        def measure(self, pixels):
            measured.append(pixels)
            return super().measure(pixels)

    watch = LineWatch(Counting(Quality()))
    parts = [judged(rng) for _ in range(600)]
    feed(watch, parts, 20)
    assert [one is parts[20 * at + 19].pixels for at, one in enumerate(measured)] == [True] * 30
    score, brightness, _ = watch.drift.figures
    assert (score.source, brightness.source) == ("first parts", "learning")
    feed(watch, parts[:5], 1)
    assert len(measured) == 35


@pytest.mark.parametrize(
    "other",
    [
        Part(2, Trigger(1, 2, 0)),
        Event("lost", "x", 0),
        Judged(Verdict(Part(2, Trigger(1, 2, 0)), VerdictKind.UNINSPECTED, Reason.NO_FRAME)),
        Judged(  # amended: it was counted when its picture came
            Verdict(
                Part(2, Trigger(1, 2, 0)), VerdictKind.UNINSPECTED, Reason.LATE, 1.0, "casting-1"
            )
        ),
        Judged(
            Verdict(Part(2, Trigger(1, 2, 0)), VerdictKind.UNINSPECTED, Reason.BLACK),
            np.zeros((16, 16), np.uint8),
        ),
    ],
)
def test_what_the_model_did_not_see_does_not_count(watch, rng, other):
    """Nor does it take the place of the picture that is measured."""
    feed(watch, [judged(rng) for _ in range(600)])
    before = watch.drift, watch.trend
    for at in range(200):
        assert watch.observe([other], at) == []
    assert (watch.drift, watch.trend) == before
    events = []
    for at in range(60):
        events += watch.observe([judged(rng, level=90), other], at)
    assert [event.kind for event in events] == ["exposure_drift"]


def test_another_model_begins_anew(watch, rng):
    """Its scores are others by right; what was learned of the old one is no reference."""
    feed(watch, [judged(rng) for _ in range(600)])
    parts = [judged(rng, model="casting-2", score=0.9, level=90) for _ in range(100)]
    assert feed(watch, parts) == []
    assert [one.source for one in watch.drift.figures] == ["learning"] * 3
    assert watch.trend.trend == "learning"


def known(level, *, gray=True, region=None):
    """Return the manifest of a model that was trained on pictures of about that brightness."""
    light = Bins(*cut([level + 0.1 * at for at in range(-50, 51)], [1.0] * 101), 400)
    figure = FigureReference(edges=light.edges, shares=light.shares, parts=400)
    spec = SPEC.model_copy(update={"region": region})
    return some_manifest(input=spec, reference=LineReference(gray=gray, brightness=figure))


def sources(watch, name="brightness"):
    """Return what a figure is held against."""
    return [one.source for one in watch.drift.figures if one.name == name]


def test_each_model_is_held_against_its_own_training_data(rng):
    """The next one, whose pictures were darker, begins with its own reference at once."""
    manifests = {"casting-1": known(120), "casting-2": known(90)}
    watch = LineWatch(FrameQuality(Quality()), manifests.get)
    assert feed(watch, [judged(rng) for _ in range(100)]) == []
    assert sources(watch) == ["bundle", "learning"]
    assert sources(watch, "score") == ["learning"]
    events = feed(watch, [judged(rng, model="casting-2") for _ in range(60)])
    assert [event.kind for event in events] == ["exposure_drift"]
    assert "looks like the training data: it is higher" in events[0].text
    assert feed(watch, [judged(rng, model="casting-1") for _ in range(100)]) == []


def test_a_model_without_a_reference_is_learned(rng):
    """Also one that judges no more when its part is written."""
    watch = LineWatch(FrameQuality(Quality()), {"casting-1": some_manifest()}.get)
    feed(watch, [judged(rng)])
    assert sources(watch) == ["learning"]
    feed(watch, [judged(rng, model="gone-1")])
    assert sources(watch) == ["learning"]


def test_a_line_in_colour_is_not_held_against_gray_pictures(rng):
    """Nor the other way round: another figure is measured there."""
    for gray, colour in ((True, True), (False, False)):
        watch = LineWatch(FrameQuality(Quality()), lambda _, gray=gray: known(120, gray=gray))
        part = judged(rng)
        if colour:
            pixels = np.repeat(part.pixels[..., None], 3, axis=2)
            pixels[..., 2] //= 2
            part = Judged(part.verdict, pixels)
        feed(watch, [part])
        assert sources(watch) == ["learning"]


def test_sharpness_is_measured_in_the_region_of_the_model_that_judges(rng):
    """After a swap in that of the new one."""
    quality = FrameQuality(Quality())
    regions = {"casting-1": Region(x=0, y=0, width=8, height=8), "casting-2": None}
    watch = LineWatch(quality, lambda title: known(120, region=regions[title]))
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64), dtype=np.uint8)
    for title, window in (("casting-1", (0, 0, 8, 8)), ("casting-2", None)):
        part = judged(rng, model=title)
        feed(watch, [Judged(part.verdict, pixels)])
        assert quality.sharpness(pixels) == Sharpness(window).of(pixels)


@pytest.mark.parametrize("shape", [(16, 16), (16, 16, 1), (16, 16, 3), (16, 16, 4)])
def test_every_picture_that_a_model_takes_can_be_measured(watch, shape):
    """A fault here would be a fault of the recorder."""
    verdict = Verdict(Part(1, Trigger(1, 1, 0)), VerdictKind.PASS, score=0.1, model="m")
    assert watch.observe([Judged(verdict, np.full(shape, 7, np.uint8))], 0) == []
