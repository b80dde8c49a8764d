"""The configuration of comments that an installation begins with."""

from __future__ import annotations

import re
from pathlib import Path

from agent.config.document import parse_config, read_config
from agent.unconfigured import is_unconfigured

REPOSITORY = Path(__file__).parents[2]
TEMPLATE = REPOSITORY / "deploy/agent.toml"


def test_as_it_is_the_agent_waits_and_rejects():
    """Nothing but comments: not configured yet."""
    assert is_unconfigured(TEMPLATE)


def test_with_its_comments_taken_away_it_is_a_configuration():
    """Who takes the # away gets what the agent reads: every key there is one of ours."""
    text = re.sub(r"^#(?=[\[a-z])", "", TEMPLATE.read_text("utf-8"), flags=re.MULTILINE)
    config = parse_config(text)
    assert config.camera.driver == "v4l2"
    assert config.gate.driver == "controller"
    assert config.model.slots == "/var/lib/linewarden/slots"
    assert config.mqtt.port == 8883


def test_the_example_to_start_from_is_one_that_the_agent_takes():
    """The README names it."""
    config = read_config(REPOSITORY / "examples/agent.pi.toml")
    assert (config.camera.driver, config.gate.driver) == ("v4l2", "controller")
