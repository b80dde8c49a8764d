"""What flashing must know of the line's configuration: slots, trust, times, camera's size."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bundle.camera_settings import LOCKABLE, Settings, Value
from bundle.slots import DEFAULT_SLOTS
from deploy.errors import LineConfigError
from deploy.trust import DEFAULT_TRUST

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_CONFIG = Path("/etc/linewarden/agent.toml")
MAX_CONFIG_BYTES = 256 * 1024
_SIM_SIZE = (300, 300)  # what the simulated camera draws

Table = dict[str, Any]


@dataclass(frozen=True, slots=True)
class LineConfig:
    """What a new model is held against on this line.

    `budget_ms` is what a verdict may take once its frame is there. `camera` is the (width,
    height) of the frames; None where the configuration does not say it. `settings` are those of a
    camera that the agent sets itself. `fixed` is the bundle of a line that has no slots. `found`
    is False where nothing is configured yet.
    """

    slots: Path = DEFAULT_SLOTS
    trust: Path = DEFAULT_TRUST
    allow_unsigned: bool = False
    fixed: Path | None = None
    budget_ms: float | None = None
    camera: tuple[int, int] | None = None
    settings: Settings = field(default_factory=dict)
    threads: int = 1
    probation_parts: int = 200
    probation_minutes: float = 10.0
    found: bool = True


def read_line(path: Path | None) -> LineConfig:
    """Read the configuration; without a `path` the usual one, which a new device may lack.

    Raises LineConfigError.
    """
    place = DEFAULT_CONFIG if path is None else path
    try:
        with place.open("rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
    except FileNotFoundError as error:
        if path is None:
            return LineConfig(found=False)
        raise LineConfigError(f"there is no configuration {place}: look at its name") from error
    except OSError as error:
        raise LineConfigError(f"cannot read {place}: {error.strerror}: try it with sudo") from error
    if len(text) > MAX_CONFIG_BYTES:
        raise LineConfigError(f"{place} has more than 256 KiB: is it the right file?")
    try:
        data = tomllib.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise LineConfigError(f"{place} is not valid TOML: {error}") from error
    try:
        return replace(parse_line(data, place.parent), found=bool(data))
    except LineConfigError as error:
        raise LineConfigError(f"{place}: {error}: `linewarden check-config` says more") from error


def parse_line(data: Table, folder: Path) -> LineConfig:
    """Take what concerns flashing from a configuration; keys unknown here are left alone.

    Relative paths start at `folder`. Raises LineConfigError.
    """
    model, probation = _table(data, "model"), _table(data, "probation")
    fixed = model.get("bundle") or None
    return LineConfig(
        slots=folder / _text(model, "model.slots", str(DEFAULT_SLOTS)),
        trust=folder / _text(model, "model.trust", str(DEFAULT_TRUST)),
        allow_unsigned=model.get("allow_unsigned", False) is True,
        fixed=None if fixed is None else folder / _text(model, "model.bundle", ""),
        budget_ms=_budget_ms(data),
        camera=_camera(_table(data, "camera")),
        settings=_settings(_table(data, "camera")),
        threads=round(_number(_table(data, "engine"), "engine.threads", 1)),
        probation_parts=round(_number(probation, "probation.parts", 200)),
        probation_minutes=_number(probation, "probation.minutes", 10.0),
    )


def _budget_ms(data: Table) -> float:
    """Return what is left for the verdict of a part whose frame was taken at the last moment.

    A PASS must be committed as well, and that waits for others. Where the belt has an encoder its
    fastest run counts.
    """
    timing, ledger = _table(data, "timing"), _table(data, "ledger")
    budget_ms = (
        _way_ms(data, "delay", 400.0)
        - 2 * _way_ms(data, "guard", 8.0)
        - _number(timing, "timing.command_ms", 20.0)
        - _number(timing, "timing.frame_within_ms", 15.0)
        - _number(ledger, "ledger.group_ms", 0.0)
    )
    if budget_ms <= 0:
        raise LineConfigError("timing and ledger.group_ms leave no time for a verdict")
    return budget_ms


def _way_ms(data: Table, name: str, default: float) -> float:
    """Return a time, or what so many ticks take on the fastest belt."""
    gate = _table(data, "gate")
    ticks = _number(gate, f"gate.{name}_ticks", 0.0)
    fastest = _number(gate, "gate.max_ticks_per_s", 0.0)
    if ticks and fastest:
        return 1000 * ticks / fastest
    return _number(_table(data, "timing"), f"timing.{name}_ms", default)


def _camera(camera: Table) -> tuple[int, int] | None:
    if camera.get("driver") == "sim":
        return _SIM_SIZE
    size = [round(_number(camera, f"camera.{side}", 0)) for side in ("width", "height")]
    return (size[0], size[1]) if all(size) else None


def _settings(camera: Table) -> Settings:
    """Return what the agent locks of a camera; None stands for what is left to the camera."""
    if camera.get("driver") != "v4l2":
        return {}
    found: dict[str, Value] = {"pixels": _text(camera, "camera.pixels", "mjpeg")}
    for name in LOCKABLE:
        found[name] = _number(camera, f"camera.{name}", 0) if name in camera else None
    return found


def _table(data: Table, name: str) -> Table:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise LineConfigError(f"{name} is no section")
    return table


def _number(table: Table, key: str, default: float) -> float:
    value = table.get(key.partition(".")[2], default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise LineConfigError(f"{key} {value!r} is no number that can be used")
    return float(value)


def _text(table: Table, key: str, default: str) -> str:
    value = table.get(key.partition(".")[2]) or default
    if not isinstance(value, str) or not value or "\0" in value:
        raise LineConfigError(f"{key} {value!r} is no path")
    return value
