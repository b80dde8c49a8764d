"""The ground rules of every section of the configuration, and the types that sections share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

TopicLevel = Annotated[str, Field(pattern=r"^[^/+#\x00-\x1f]{1,64}$")]
PathText = Annotated[str, Field(min_length=1, max_length=1024)]


class Section(BaseModel):
    """The ground rules of every section: no unknown keys, no coercion, no NaN."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
