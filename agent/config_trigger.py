"""The section [trigger]: what says that a part is there, where the gate has no photo-eye."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.config_base import PathText, Section


class IntervalTrigger(Section):
    """A part every so often: for an indexed line, which moves one pitch at a time."""

    driver: Literal["interval"]
    interval_ms: float = Field(
        1000.0, ge=5, le=3_600_000, description="Time from one part to the next."
    )


class CommandTrigger(Section):
    """A part whenever a program of this computer writes the line `part` into a named pipe."""

    driver: Literal["command"]
    pipe: PathText = Field(description="The named pipe; it is made, and belongs to the agent.")


TriggerSection = Annotated[IntervalTrigger | CommandTrigger, Field(discriminator="driver")]
