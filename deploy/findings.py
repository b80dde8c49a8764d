"""What the trial of a new model says: written by the child, read by the one who flashes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Findings(BaseModel):
    """What the trial found; `refused` says why the model is no good, or nothing.

    `worst` and `tolerance` are in logits, over all golden frames. The times are those of a
    verdict, from the frame to the score.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    refused: str = Field("", max_length=2000)
    interpreter: str = Field("", max_length=200)
    frames: int = Field(0, ge=0)
    worst: float = Field(0.0, ge=0)
    tolerance: float = Field(0.0, ge=0)
    runs: int = Field(0, ge=0)
    p50_ms: float = Field(0.0, ge=0)
    p99_ms: float = Field(0.0, ge=0)
