"""How the camera was set for the pictures of a run: taken from the agent.toml of their line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bundle.camera_settings import LOCKABLE, NAMES, CameraSettings
from bundle.manifest import InputSpec, first_fault
from export.errors import ExportError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MAX_BYTES = 256 * 1024
_WHICH = "--camera names the agent.toml of the line on which the pictures were taken"


def read_camera(path: Path, spec: InputSpec) -> CameraSettings:
    """Return what the section [camera] of a line locked, for frames of the run's size.

    Raises ExportError where the file does not say it: nothing is guessed.
    """
    camera = _section(path)
    driver = camera.get("driver")
    if driver != "v4l2":
        raise ExportError(
            f"{path}: camera.driver is {driver!r}, and only a v4l2 camera is set by this file: "
            "leave --camera out"
        )
    if camera.get("strict", True) is not True:
        raise ExportError(
            f"{path}: with camera.strict = false the camera may have had other values than stand "
            "there: set it to true and take out what the camera does not take "
            "(`linewarden camera show` says what), or leave --camera out"
        )
    _check_size(path, camera, spec)
    stated = {name: camera[name] for name in NAMES if name in camera}
    left = tuple(name for name in LOCKABLE if name not in camera)
    try:
        return CameraSettings.model_validate({"pixels": "mjpeg", **stated, "left_to_camera": left})
    except ValidationError as error:
        raise ExportError(
            f"{path}: camera.{first_fault(error)}: the agent would not take it either, "
            "is it the right file?"
        ) from error


def _section(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ExportError(f"cannot read {path}: {error.strerror}: {_WHICH}") from error
    if len(text) > MAX_BYTES:
        raise ExportError(f"{path} has more than 256 KiB: {_WHICH}")
    try:
        camera = tomllib.loads(text.decode("utf-8")).get("camera")
    except (ValueError, RecursionError) as error:
        raise ExportError(f"{path} is not valid TOML: {error}: {_WHICH}") from error
    if not isinstance(camera, dict):
        raise ExportError(f"{path} has no section [camera]: {_WHICH}")
    return camera


def _check_size(path: Path, camera: dict[str, Any], spec: InputSpec) -> None:
    width, height = camera.get("width"), camera.get("height")
    if (width, height) != (spec.frame_width, spec.frame_height):
        raise ExportError(
            f"{path}: its camera gives frames of {width}x{height}, the run learned from "
            f"{spec.frame_width}x{spec.frame_height}: it is the file of another line"
        )
