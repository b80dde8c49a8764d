"""The sections [model] and [probation]: which model judges, and what a new one must show."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from agent.config.base import Section

DEFAULT_TRUST = "/etc/linewarden/trust"


class Model(Section):
    """Which model judges: a file that stays, or the slots that `linewarden flash` fills."""

    bundle: str = Field(
        "", max_length=1024, description="The .lwb bundle; relative to this file. Or else slots."
    )
    slots: str = Field(
        "", max_length=1024, description="Folder of the slots, as /var/lib/linewarden/slots."
    )
    trust: str = Field(
        "",
        max_length=1024,
        description=f"Folder of trusted public keys; with slots empty means {DEFAULT_TRUST}.",
    )
    allow_unsigned: bool = Field(
        False, description="Let bundles without any signature judge; `state` then says so."
    )

    @model_validator(mode="after")
    def _one_place(self) -> Model:
        if bool(self.bundle) == bool(self.slots):
            raise ValueError("name either bundle (one file) or slots (for `linewarden flash`)")
        return self

    @property
    def trust_folder(self) -> Path | None:
        """Return where the trusted keys are; None where signatures are not asked for."""
        if self.trust:
            return Path(self.trust)
        return Path(DEFAULT_TRUST) if self.slots else None


class Probation(Section):
    """What a new model must show before it is confirmed; else the one before comes back."""

    parts: int = Field(200, ge=10, le=1_000_000, description="It has met so many parts.")
    minutes: float = Field(10.0, ge=0, le=10_000, description="And judged for so long.")
    max_uninspected_share: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Parts UNINSPECTED by its doing, beyond those of the model before.",
    )
    max_p99_ms: float = Field(
        0.0,
        ge=0,
        le=600_000,
        description="99 of 100 verdicts come so soon after the photo-eye; 0: before the cut-off.",
    )
    max_reject_shift: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Its share of parts not passed lies so near to the model before.",
    )
    max_reject_share: float = Field(
        0.5, ge=0, le=1, description="And where there was none before, it is at most this."
    )
    max_score_shift: float = Field(
        0.25, ge=0, le=1, description="Its mean score lies so near to that of the model before."
    )
