"""A run's options as strict types: built in, overridden by a TOML file, then by the command."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bundle.manifest import first_fault
from training.errors import OptionError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


Precision = Literal["auto", "float32", "mixed_float16", "mixed_bfloat16"]


class Options(BaseModel):
    """The ground rules of every section: strict, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Phase(Options):
    """One stretch of the training: which layers learn, at which picture size, how fast."""

    name: str = Field(description="what the log and the history call this phase")
    epochs: int = Field(ge=1, le=1000, description="rounds through the training pictures")
    learning_rate: float = Field(gt=0.0, le=1.0, description="Adam's step at its peak")
    scale: float = Field(
        default=1.0, gt=0.0, le=1.0, description="picture size as a share of the final size"
    )
    trained: Literal["head", "upper", "all"] = Field(
        default="all",
        description="'head': the new layers only; 'upper': the later half of the backbone too, "
        "its early layers frozen; 'all': every layer",
    )
    batch_norm: Literal["frozen", "trained"] = Field(
        default="frozen",
        description="'frozen' keeps the statistics of the initial weights: twice as fast on a CPU",
    )


class Augmentation(Options):
    """Changes made to training pictures; the bounds are such that no defect can vanish."""

    rotation_deg: float = Field(
        default=180.0,
        ge=0.0,
        le=180.0,
        description="turn by up to this angle either way; suits parts within the picture's circle",
    )
    flip: bool = Field(default=True, description="mirror half of the pictures")
    zoom_out: float = Field(
        default=0.12, ge=0.0, le=0.3, description="shrink by up to this share; never enlarge"
    )
    shear: float = Field(
        default=0.08, ge=0.0, le=0.2, description="slant by up to this share of the height"
    )
    shade: float = Field(
        default=0.3, ge=0.0, le=0.5, description="light that falls off across the part: its depth"
    )
    brightness: float = Field(
        default=20.0, ge=0.0, le=40.0, description="add up to this many of 255 grey levels"
    )
    contrast: float = Field(
        default=0.2, ge=0.0, le=0.4, description="stretch the contrast by up to this share"
    )
    relight: float = Field(
        default=0.5,
        ge=0.0,
        le=1.0,
        description="share of the pictures that get the light and shade of another one",
    )
    gamma: float = Field(
        default=0.3, ge=0.0, le=0.7, description="largest logarithm of the tone curve's exponent"
    )
    defects: float = Field(
        default=0.4,
        ge=0.0,
        le=0.9,
        description="share of the good parts that get a drawn defect and count as defective",
    )
    defects_from: float = Field(
        default=0.12,
        ge=0.0,
        le=0.5,
        description="nearest a drawn defect is to the centre, in sides",
    )
    defects_to: float = Field(
        default=0.38, ge=0.0, le=0.5, description="furthest a drawn defect is from it, in sides"
    )
    blur_px: float = Field(
        default=0.6, ge=0.0, le=1.0, description="largest sigma of a blur, for a fifth of them"
    )
    noise: float = Field(
        default=5.0, ge=0.0, le=10.0, description="largest sigma of noise, for a third of them"
    )


class TrainOptions(Options):
    """Everything that decides how a run goes; written to the run folder as `config.json`."""

    model: str = Field(default="mobilenet_v2", description="network, a name of the catalogue")
    size: int = Field(
        default=224, ge=32, le=512, multiple_of=32, description="height and width in pixels"
    )
    batch: int = Field(default=32, ge=1, le=1024, description="pictures per step")
    epoch_pictures: int | None = Field(
        default=None,
        ge=32,
        description="pictures of one epoch, drawn so that labels, and parts within a label, weigh "
        "the same; without it every picture once",
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="decides splits and order")
    defective: str | None = Field(
        default=None, description="class folder that holds the defective parts; else guessed"
    )
    validation_share: float = Field(
        default=0.1, ge=0.02, le=0.5, description="share of train/ that decides, and is not learned"
    )
    phases: tuple[Phase, ...] = Field(
        default=(), description="the recipe; empty means that of the network"
    )
    augmentation: Augmentation = Field(
        default=Augmentation(), description="how training pictures are varied"
    )
    weight_decay: float = Field(
        default=0.0, ge=0.0, le=0.5, description="share by which weights shrink (AdamW); 0: Adam"
    )
    label_smoothing: float = Field(
        default=0.05, ge=0.0, le=0.3, description="keeps the logits from growing without bound"
    )
    teacher: str | None = Field(
        default=None, description="run folder of the same split whose network teaches this one"
    )
    teacher_share: float = Field(
        default=0.7, ge=0.0, le=1.0, description="how much of the truth is the teacher's word"
    )
    precision: Precision = Field(
        default="auto",
        description="what the layers compute with; 'auto': mixed_float16 on a GPU, else float32",
    )
    patience: int = Field(
        default=4, ge=1, le=100, description="epochs without a better validation loss that end it"
    )
    workers: int = Field(
        default=2, ge=1, le=64, description="threads that read and vary the pictures"
    )
    wanted_escape_rate: float = Field(
        default=0.0, ge=0.0, le=0.5, description="share of defective parts that may be passed"
    )
    max_escape_rate: float | None = Field(
        default=None,
        gt=0.0,
        lt=1.0,
        description="bound on the escape rate at 95 %; refused where the validation has too few "
        "defective parts to show it",
    )


def read_options(file: Path | None, overrides: Mapping[str, Any]) -> TrainOptions:
    """Return the options of `file` with those overrides that are not None. Raises OptionError.

    An override that is itself a section changes only the keys that it names.
    """
    values: dict[str, Any] = {} if file is None else _read_toml(file)
    for key, value in overrides.items():
        if isinstance(value, Mapping):
            values[key] = {**values.get(key, {}), **value}
        elif value is not None:
            values[key] = value
    return parse_options(values)


def parse_options(values: Mapping[str, Any]) -> TrainOptions:
    """Check options as read from TOML or JSON. Raises OptionError naming key and bound."""
    try:
        # Lists become tuples only where pydantic reads JSON; strict Python input refuses them.
        return TrainOptions.model_validate(_with_tuples(values))
    except ValidationError as error:
        raise OptionError(f"the options of the run are wrong: {first_fault(error)}") from error


def spread_epochs(phases: Sequence[Phase], epochs: int) -> tuple[Phase, ...]:
    """Return the phases with `epochs` in total, in the same proportions.

    Each kept phase has at least one epoch; with fewer epochs than phases the last ones are kept.
    """
    kept = list(phases)[-epochs:]
    planned = sum(phase.epochs for phase in kept)
    shares = [max(1, epochs * phase.epochs // planned) for phase in kept[:-1]]
    while sum(shares) >= epochs:
        shares[shares.index(max(shares))] -= 1
    shares.append(epochs - sum(shares))
    return tuple(
        phase.model_copy(update={"epochs": share})
        for phase, share in zip(kept, shares, strict=True)
    )


def _with_tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_tuples(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_with_tuples(entry) for entry in value)
    return value


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise OptionError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"{file} is not valid TOML: {error}") from error
