"""What an archive says of its model: frozen types, parsing and checking."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bundle.camera_settings import CameraSettings
from bundle.errors import ManifestError
from bundle.needs import KEY, SINCE, VERSION, check_needs, own_version
from bundle.reference import LineReference

SCHEMA_VERSION = 1
MAX_MANIFEST_BYTES = 256 * 1024
MAX_JSON_DEPTH = 16
_ANEW = "export the model again"

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]


class Part(BaseModel):
    """The ground rules of every part of the manifest: strict, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Region(Part):
    """The region of interest in a camera frame, in pixels from the upper left corner."""

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(ge=8, le=16384)
    height: int = Field(ge=8, le=16384)


class InputSpec(Part):
    """What the model takes: a (height, width, channels) picture of uint8.

    `frame_height` and `frame_width` are those of the camera frames that the model was trained
    with; `region` is cut out of such a frame before it is resized. `colour` "gray" goes with one
    channel, "rgb" with three.
    """

    height: int = Field(ge=16, le=1024)
    width: int = Field(ge=16, le=1024)
    channels: Literal[1, 3] = 1
    dtype: Literal["uint8"] = "uint8"
    colour: Literal["gray", "rgb"] = "gray"
    resize: Literal["linear_exact"] = "linear_exact"
    region: Region | None = None
    frame_height: int = Field(ge=8, le=16384)
    frame_width: int = Field(ge=8, le=16384)

    @model_validator(mode="after")
    def _agree(self) -> InputSpec:
        if (self.colour == "gray") != (self.channels == 1):
            raise ValueError(f"colour {self.colour!r} does not go with {self.channels} channels")
        region = self.region
        if region is not None and (
            region.x + region.width > self.frame_width
            or region.y + region.height > self.frame_height
        ):
            raise ValueError(
                f"the region reaches outside the {self.frame_width}x{self.frame_height} frame"
            )
        return self


class OutputSpec(Part):
    """What the model gives: one logit per label, divided by `temperature` before softmax."""

    kind: Literal["logits"] = "logits"
    temperature: float = Field(default=1.0, gt=0.0, le=100.0)


class Thresholds(Part):
    """Scores from which a part is rejected, or checked again, and how they were chosen."""

    reject_at: Probability
    recheck_at: Probability
    chosen: str = Field(max_length=1000)

    @model_validator(mode="after")
    def _ordered(self) -> Thresholds:
        if self.recheck_at > self.reject_at:
            raise ValueError(
                f"recheck_at {self.recheck_at} lies above reject_at {self.reject_at}; "
                "the band of rechecks lies below the rejects"
            )
        return self


class Entry(Part):
    """Size and SHA-256 of one other entry of the archive."""

    size: int = Field(ge=0)
    sha256: Sha256


class DataFacts(Part):
    """Which pictures the model was trained on, and what their licence allows."""

    fingerprint: Sha256
    pictures: int = Field(ge=0)
    note: str = Field(default="", max_length=1000)


class Manifest(Part):
    """Everything a device must know of a model before it may judge a part.

    `needs_agent` is the oldest linewarden that may judge with it; None stands for any. `camera` is
    how the camera was set for the training pictures; None where nobody said so. `reference` is how
    good parts look, for drift; None where the line has to learn it.
    """

    schema_version: Literal[1] = 1
    needs_agent: str | None = Field(default=None, pattern=VERSION)
    name: Slug
    version: Slug
    release: int = Field(ge=1, le=2**31 - 1)
    architecture: Slug
    recipe: Slug
    input: InputSpec
    output: OutputSpec = OutputSpec()
    labels: tuple[Slug, ...] = Field(min_length=2, max_length=64)
    defective: tuple[Slug, ...] = Field(min_length=1, max_length=63)
    thresholds: Thresholds
    golden_tolerance: float = Field(ge=0.0, le=10.0)
    entries: dict[str, Entry]
    data: DataFacts
    tools: dict[str, str]
    metrics: dict[str, float]
    camera: CameraSettings | None = None
    reference: LineReference | None = None

    @model_validator(mode="after")
    def _labels_agree(self) -> Manifest:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a label is listed twice")
        strangers = set(self.defective) - set(self.labels)
        if strangers:
            raise ValueError(f"defective names {sorted(strangers)}, which are no labels")
        if set(self.defective) == set(self.labels):
            raise ValueError("every label means defective; one must mean a good part")
        return self

    @property
    def defective_indices(self) -> tuple[int, ...]:
        """Return the positions of the labels that mean a defective part."""
        return tuple(i for i, label in enumerate(self.labels) if label in self.defective)


def parse_manifest(text: bytes) -> Manifest:
    """Read a manifest from the bytes of `manifest.json`.

    Raises ManifestError for anything but one strict JSON object of the known schema: at most
    256 KiB, nested at most 16 deep, no key twice, no NaN or infinity. OldAgentError is one.
    """
    if len(text) > MAX_MANIFEST_BYTES:
        raise ManifestError(
            f"the manifest has {len(text)} bytes, more than {MAX_MANIFEST_BYTES}: {_ANEW}"
        )
    _check_depth(text)
    try:
        data = json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique_keys, parse_constant=_no_constant
        )
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"the manifest is not valid JSON: {error}: {_ANEW}") from error
    _check_schema(data)
    try:
        # JSON has no tuples, which strict Python input would ask for: check it as JSON again.
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        said = _unknown_key(error) or f"{first_fault(error)}: {_ANEW}"
        raise ManifestError(f"the manifest is wrong: {said}") from error


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return the bytes of `manifest.json`; equal manifests give equal bytes."""
    data = manifest.model_dump(mode="json")
    for key in (KEY, *SINCE):
        if data[key] is None:  # those who came before this key take no manifest that has it
            del data[key]
    return (json.dumps(data, indent=1, sort_keys=True, allow_nan=False) + "\n").encode("ascii")


def first_fault(error: ValidationError, whole: str = "manifest") -> str:
    """Return the first fault of a validation as `key: what is wrong`; `whole` names it all."""
    fault = error.errors(include_url=False)[0]
    place = ".".join(str(step) for step in fault["loc"]) or whole
    return f"{place}: {fault['msg'].removeprefix('Value error, ')}"


def _unknown_key(error: ValidationError) -> str:
    """Say which key is not known here and what to do; empty where that is not the fault."""
    fault = error.errors(include_url=False)[0]
    if fault["type"] != "extra_forbidden":
        return ""
    place = ".".join(str(step) for step in fault["loc"])
    return (
        f"linewarden {own_version()} does not know {place!r} in it: update linewarden, or {_ANEW}"
    )


def _check_schema(data: Any) -> None:
    if not isinstance(data, dict):
        raise ManifestError(f"the manifest is not a JSON object: {_ANEW}")
    check_needs(data)  # first: a newer bundle may have another schema, too
    version = data.get("schema_version")
    if version != SCHEMA_VERSION or isinstance(version, bool):
        raise ManifestError(
            f"the bundle has schema version {version!r}; this linewarden reads {SCHEMA_VERSION}: "
            f"update linewarden or {_ANEW}"
        )


def _check_depth(text: bytes) -> None:
    """Refuse deep nesting before the JSON parser recurses into it."""
    depth = 0
    in_string = escaped = False
    for byte in text:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # backslash
                escaped = True
            elif byte == 0x22:  # quote
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                raise ManifestError(f"the manifest is nested deeper than {MAX_JSON_DEPTH}: {_ANEW}")
        elif byte in b"]}":
            depth -= 1


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return keys


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
