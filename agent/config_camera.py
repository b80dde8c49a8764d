"""The section [camera]: one class per driver."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from agent.config_base import PathText, Section


class ReplayCamera(Section):
    """Pictures from a folder, shown in the order of their names."""

    driver: Literal["replay"]
    folder: PathText = Field(description="Folder of pictures; sub-folders are read too.")
    frame_rate: float = Field(120.0, gt=0, le=1000, description="Frames per second.")
    order: Literal["name", "shuffled"] = Field(
        "shuffled", description="By name, or mixed by the belt's seed."
    )


class SimCamera(Section):
    """Drawn castings on a simulated belt."""

    driver: Literal["sim"]
    frame_rate: float = Field(120.0, gt=0, le=1000, description="Frames per second.")
    deck: int = Field(
        64, ge=1, le=10000, description="How many different parts are drawn before they repeat."
    )
    defect_share: float = Field(0.3, ge=0, le=1, description="Share of defective parts.")


CameraSection = Annotated[ReplayCamera | SimCamera, Field(discriminator="driver")]
