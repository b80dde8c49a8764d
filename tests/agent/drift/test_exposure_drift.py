"""A lamp that fades is told long before it lets a defective part through."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from agent.active_model import open_active
from agent.clock import SystemClock
from agent.config.quality import Quality
from agent.drift.detector import Drift
from agent.drivers import open_engine
from agent.quality.frames import FrameQuality
from agent.sim.deck import Deck
from bundle.policy import Decision

RENDERED = Path(__file__).parents[3] / "examples" / "rendered-mobilenet_v2-int8.lwb"
PARTS_A_MINUTE = 120
LEARN = 500
LOWEST = 0.85  # of the first exposure; down to 0.8 the model lets no more through than at first


@pytest.fixture(scope="module")
def views():
    """Return (defective, picture) of some drawn castings."""
    deck = Deck(48, 0.5, seed=3)
    return [(deck.defective(number), deck.view(number, 0)) for number in range(48)]


def exposed(pixels, share):
    """Return a picture taken with so much less light."""
    return np.clip(pixels * share, 0, 255).astype(np.uint8)


def alarm_share(brightness, seed, per_minute):
    """Return the share of the light that is left when the event comes; 0 without one."""
    rng, drift = random.Random(seed), Drift(learn_parts=LEARN)
    for part in range(60 * PARTS_A_MINUTE):
        share = 1.0 - per_minute * max(0, part - LEARN) / PARTS_A_MINUTE
        told = drift.observe(part, brightness=rng.choice(brightness) * share)
        if any(event.kind == "exposure_drift" for event in told):
            assert "it is lower" in told[0].text
            return share
    return 0.0


def test_a_percent_a_minute_is_told_in_time(views):
    """Row 33: the event comes while the light is within the range that the model bears."""
    quality = FrameQuality(Quality())
    brightness = [quality.measure(pixels).mean for _, pixels in views]
    shares = [alarm_share(brightness, seed, per_minute=0.01) for seed in range(10)]
    assert min(shares) > LOWEST, shares
    assert max(shares) < 1.0, shares


def test_a_lamp_that_stays_is_no_drift(views):
    """The same parts in the same light for an hour: no event."""
    quality = FrameQuality(Quality())
    brightness = [quality.measure(pixels).mean for _, pixels in views]
    assert [alarm_share(brightness, seed, per_minute=0.0) for seed in range(5)] == [0.0] * 5


@pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}")
def test_until_then_no_more_defective_parts_pass_than_at_first(views):
    """The model in the example, at the exposure where the event has long come."""
    engine = lambda model: open_engine("litert", model, 1)  # noqa: E731
    model = open_active(RENDERED, engine, SystemClock())
    bad = [pixels for defective, pixels in views if defective]
    try:
        escapes = [
            sum(model.judge(exposed(one, share)).decision is Decision.PASS for one in bad)
            for share in (1.0, LOWEST)
        ]
    finally:
        model.close()
    assert escapes[1] <= escapes[0]
