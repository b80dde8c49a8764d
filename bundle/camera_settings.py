"""How the camera was set for the pictures that a model learned from, held against how it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

Lockable = Literal["exposure_us", "gain", "white_balance_k", "focus"]
LOCKABLE: tuple[Lockable, ...] = ("exposure_us", "gain", "white_balance_k", "focus")
NAMES = ("pixels", *LOCKABLE)
_UNSTATED: tuple[object, ...] = (None, (), [])

# The value of a setting; None stands for one that is left to the camera.
Value = int | float | str | None
Settings = Mapping[str, Value]


class CameraSettings(BaseModel):
    """What the agent's section [camera] locks, by the same names and within the same bounds.

    None is not stated. `left_to_camera` names what was not locked: the camera's own automatic, or
    its own default, had it.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    pixels: Literal["mjpeg", "yuyv", "gray"] | None = None
    exposure_us: int | None = Field(default=None, ge=100, le=10_000_000)
    gain: int | None = Field(default=None, ge=0, le=1_000_000)
    white_balance_k: int | None = Field(default=None, ge=1000, le=20_000)
    focus: int | None = Field(default=None, ge=0, le=1_000_000)
    left_to_camera: tuple[Lockable, ...] = Field(default=(), max_length=len(LOCKABLE))

    @model_validator(mode="after")
    def _agree(self) -> CameraSettings:
        if len(set(self.left_to_camera)) != len(self.left_to_camera):
            raise ValueError("left_to_camera names a setting twice")
        both = [name for name in self.left_to_camera if getattr(self, name) is not None]
        if both:
            raise ValueError(f"{both[0]} has a value, and left_to_camera names it")
        if not self.told:
            raise ValueError("it states no setting; leave the key out")
        return self

    @model_serializer(mode="wrap")
    def _stated(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write only what is stated: a setting that comes later is unknown to older readers."""
        return {name: value for name, value in dump(self).items() if value not in _UNSTATED}

    @property
    def told(self) -> str:
        """Return what is stated, in a line."""
        stated = [(name, getattr(self, name)) for name in NAMES]
        words = [f"{name} {value}" for name, value in stated if value is not None]
        return ", ".join([*words, *(f"{name} left to the camera" for name in self.left_to_camera)])


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting that is another one here than when the pictures were taken."""

    name: str
    trained: Value
    here: Value

    @property
    def told(self) -> str:
        """Return it in words, without advice."""
        here = "left to the camera" if self.here is None else _text(self.here)
        trained = "it left to the camera" if self.trained is None else _text(self.trained)
        return f"{self.name} is {here} here, trained with {trained}"

    @property
    def remedy(self) -> str:
        """Return what to write into the configuration."""
        if self.trained is None:
            return f"take camera.{self.name} out"
        value = f'"{self.trained}"' if isinstance(self.trained, str) else _text(self.trained)
        return f"set camera.{self.name} = {value}"


def differences(trained: CameraSettings | None, here: Settings) -> tuple[Difference, ...]:
    """Return which of the stated settings are others here; those not in `here` are not known."""
    if trained is None:
        return ()
    found = []
    for name in NAMES:
        was = getattr(trained, name)
        stated = was is not None or name in trained.left_to_camera
        if stated and name in here and here[name] != was:
            found.append(Difference(name, was, here[name]))
    return tuple(found)


def _text(value: Value) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
