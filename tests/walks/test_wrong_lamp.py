"""A lamp that is wrong already when the agent starts, which no learned reference could find."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from live_line import RENDERED, LiveLine, wait_until

from agent.sim.deck import Deck

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(not RENDERED.exists(), reason=f"needs {RENDERED.name}"),
]
PICTURES = 150  # of so many parts; a line that shows few again and again looks otherwise


def draw_pictures(folder, light):
    """Draw castings as a camera sees them with such a share of the light."""
    folder.mkdir()
    deck = Deck(PICTURES, 0.05, seed=11)
    for number in range(PICTURES):
        pixels = np.clip(deck.view(number, 0) * light, 0, 255).astype(np.uint8)
        cv2.imwrite(str(folder / f"{number:03d}.png"), pixels)


def bodies(heard, kind):
    """Return what the plant has heard of a kind."""
    return [json.loads(one.payload) for one in heard.messages if one.topic.endswith(f"/{kind}")]


def drift_of(heard):
    """Return the last state's drift by figure and reference."""
    states = bodies(heard, "state")
    return {(one["name"], one["source"]): one for one in (states[-1]["drift"] if states else ())}


@pytest.mark.parametrize("light", [0.8, 1.0])
def test_a_lamp_that_was_wrong_from_the_first_part_on_is_told(
    tmp_path, mosquitto, subscribe, light
):
    """`state` and event say so against the training data, before anything could be learned."""
    draw_pictures(tmp_path / "pictures", light)
    heard = subscribe(mosquitto.port, "linewarden/#")
    with LiveLine(tmp_path, rate=20, parts=160, mqtt_port=mosquitto.port) as line:
        line.camera = f'driver = "replay"\nfolder = "{tmp_path / "pictures"}"'
        line.start_gate()
        line.start_agent()
        line.wait_for_belt()
        wait_until(lambda: len(bodies(heard, "result")) == 160, "a result of every part")
        at_end = len(bodies(heard, "state"))
        wait_until(lambda: len(bodies(heard, "state")) > at_end, "the state after the last part")
        drift = drift_of(heard)
        assert line.stop_agent() == 0
        counts = line.balanced()
    events = [one for one in bodies(heard, "event") if "drift" in one["kind"]]
    assert ("brightness", "learning") in drift
    assert drift["brightness", "bundle"]["drifting"] == (light < 1)
    if light < 1:
        told = [one["text"] for one in events if one["kind"] == "exposure_drift"]
        assert len(told) == 1
        assert "brightness no longer looks like the training data: it is lower" in told[0]
    else:
        assert events == []
    assert sum(counts.values()) == 160
