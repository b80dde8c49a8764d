"""The section [trigger]: what says that a part is there, where the gate has no photo-eye."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from agent.config.base import PathText, Section

MAX_PIXELS = 16384


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


class PresenceTrigger(Section):
    """A part whenever one is found in the camera's picture, in a region that is empty between."""

    driver: Literal["presence"]
    region: tuple[int, int, int, int] = Field(
        strict=False, description="[x, y, width, height] in pixels of the frame."
    )
    part_is: Literal["brighter", "darker"] = Field(
        "brighter", description="What a part is beside the empty belt."
    )
    level: int = Field(
        128, ge=1, le=255, description="Grey level between the empty belt and a part."
    )
    on_share: float = Field(
        0.5, gt=0, le=1, description="A part is there when so much of the region shows it."
    )
    off_share: float = Field(
        0.2, ge=0, lt=1, description="It is gone when so little of the region shows it."
    )
    frames: int = Field(
        1, ge=1, le=10, description="So many frames in a row must show it, or its end."
    )
    longest_ms: float | None = Field(
        None, gt=0, le=60_000, description="What stays for longer is two parts that touch."
    )

    @model_validator(mode="after")
    def _possible(self) -> PresenceTrigger:
        x, y, width, height = self.region
        if min(x, y) < 0 or min(width, height) < 1 or max(self.region) > MAX_PIXELS:
            raise ValueError(f"region {list(self.region)} is no [x, y, width, height] of a picture")
        if self.off_share >= self.on_share:
            raise ValueError(
                f"off_share {self.off_share:g} is not below on_share {self.on_share:g}: "
                "one part would count as many"
            )
        return self

    def clash(
        self,
        *,
        frame_rate: float,
        frame_size: tuple[int, int] | None,
        min_pitch_ms: float,
        to_cutoff_ms: float,
        arrives_ms: float,
    ) -> str:
        """Return why parts cannot be told in time with this camera; empty when they can."""
        x, y, width, height = self.region
        if frame_size is not None and (x + width > frame_size[0] or y + height > frame_size[1]):
            return (
                f"trigger.region {list(self.region)} reaches beyond the camera's frame of "
                f"{frame_size[0]}x{frame_size[1]}"
            )
        period_ms = 1000 / frame_rate
        if 2 * self.frames * period_ms > min_pitch_ms:
            return (
                f"trigger.frames {self.frames} at camera.frame_rate {frame_rate:g} needs "
                f"{2 * self.frames * period_ms:.0f} ms to tell two parts apart, and "
                f"timing.min_pitch_ms is {min_pitch_ms:g}"
            )
        told_ms = (self.frames - 1) * period_ms + arrives_ms
        if told_ms >= to_cutoff_ms:
            return (
                f"a part is told {told_ms:.0f} ms after it came (trigger.frames, "
                f"timing.frame_arrives_ms), and its verdict is due after {to_cutoff_ms:g} ms"
            )
        return ""


TriggerSection = Annotated[
    IntervalTrigger | CommandTrigger | PresenceTrigger, Field(discriminator="driver")
]
