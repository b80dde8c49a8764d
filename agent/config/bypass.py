"""The section [bypass]: whether parts may ever be let through uninspected."""

from __future__ import annotations

from pydantic import Field

from agent.config.base import Section


class Bypass(Section):
    """Whether a person may let parts through uninspected, and for how long at a time."""

    allowed: bool = Field(
        False, description="Let `linewarden line bypass` pass parts that nobody inspects."
    )
    max_minutes: float = Field(
        30.0, gt=0, le=480, description="A bypass ends by itself after at most so long."
    )
