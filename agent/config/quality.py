"""The section [quality]: which frames cannot be judged."""

from __future__ import annotations

from pydantic import Field, model_validator

from agent.config.base import Section


class Quality(Section):
    """From when on a frame cannot be judged; `linewarden camera show` prints the figures."""

    black_mean: float = Field(
        6.0, ge=0, le=255, description="Darker on average: a covered lens or a lamp that is off."
    )
    saturated_mean: float = Field(
        249.0, ge=0, le=255, description="Brighter on average: light shines into the lens."
    )
    saturated_share: float = Field(
        0.9, gt=0, le=1, description="More than this share of pixels at full white: overexposed."
    )
    blank_spread: float = Field(
        1.5, ge=0, le=128, description="Less contrast (standard deviation): it shows nothing."
    )
    min_sharpness: float = Field(
        0.0, ge=0, le=1e6, description="Less is blurred; half of what a sharp picture has. 0: off."
    )
    reference: str = Field(
        "", max_length=1024, description="Still of `camera show` for the position; empty: off."
    )
    reference_x: int = Field(0, ge=0, le=16384, description="Left edge of a mark that rests.")
    reference_y: int = Field(0, ge=0, le=16384, description="Upper edge of that mark.")
    reference_width: int = Field(0, ge=0, le=16384, description="Its width; 0: the whole frame.")
    reference_height: int = Field(0, ge=0, le=16384, description="Its height; 0: the whole frame.")
    max_shift_px: float = Field(
        8.0, gt=0, le=1000, description="A mark further away: the camera was moved."
    )
    min_match: float = Field(
        0.03, ge=0, le=1, description="A mark that fits less well is not the mark: shifted too."
    )
    frozen_after: int = Field(
        3, ge=0, le=1000, description="So many repeats of one picture are a frozen camera. 0: off."
    )
    frozen_levels: float = Field(
        0.02, ge=0, le=10, description="Pictures that differ less on average are the same one."
    )

    @model_validator(mode="after")
    def _possible(self) -> Quality:
        if self.black_mean >= self.saturated_mean:
            raise ValueError(
                f"black_mean {self.black_mean:g} is not below saturated_mean "
                f"{self.saturated_mean:g}: every frame would be one or the other"
            )
        if bool(self.reference_width) != bool(self.reference_height):
            raise ValueError("reference_width and reference_height are given both or not at all")
        return self
