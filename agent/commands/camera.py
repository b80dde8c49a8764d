"""`linewarden camera`: what the camera sees, and how sharp it is, before the line starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent.config.document import Config
    from agent.quality.frames import FrameQuality
    from agent.records import Frame, Setting
    from bundle.camera_settings import CameraSettings
    from bundle.manifest import InputSpec

DEFAULT_CONFIG = Path("/etc/linewarden/agent.toml")
READ_S = 0.1
REDRAWN_S = 0.1
TOLD_S = 1.0  # without a terminal: one line so often
BAR = 50

ConfigOption = Annotated[Path, typer.Option("--config", help="The agent's TOML file.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

camera = typer.Typer(
    help="Look through the configured camera; the agent must not run meanwhile.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@dataclass(frozen=True, slots=True)
class Look:
    """What configuration and bundle say of the pictures: thresholds, region, camera's settings."""

    quality: FrameQuality
    spec: InputSpec | None
    trained: CameraSettings | None
    complaint: str


@camera.command("show")
def show(
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[Path, typer.Option("--out", help="Write the still here.")] = Path("camera.png"),
    clean: Annotated[
        bool, typer.Option("--clean", help="Without the region: to be quality.reference.")
    ] = False,
    skip: Annotated[
        int, typer.Option("--skip", min=0, max=1000, help="Let so many frames pass first.")
    ] = 5,
    patience: Annotated[
        float, typer.Option("--patience", min=0.1, max=600, help="Seconds to wait for them.")
    ] = 20.0,
    as_json: JsonOption = False,
) -> None:
    """Save a still with the region of interest, and print the quality figures.

    The exit code is 1 when the frame could not be judged.

    Example: linewarden camera show --out /tmp/camera.png
    """
    from agent.config.document import read_config

    checked = read_config(config)
    look = _look(checked)
    frame, settings = _one_frame(checked, skip, patience)
    _write_still(out, frame.pixels, None if clean else look.spec)
    facts = _facts(frame, look, settings, out)
    facts["differs"] = _differing(checked, look, settings)
    typer.echo(json.dumps(facts, indent=1) if as_json else _told(facts))
    if facts["fault"] or facts["size_fault"]:
        raise typer.Exit(1)


@camera.command("focus")
def focus(
    *,
    config: ConfigOption = DEFAULT_CONFIG,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=0.1, max=86_400, help="Stop after so long.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how sharp the picture is, live, until Ctrl-C: turn the lens until the bar is longest.

    Example: linewarden camera focus --seconds 60
    """
    from agent.config.document import read_config

    checked = read_config(config)
    quality = _look(checked).quality
    best = last = 0.0
    count = 0
    with closing(_Display(quiet=as_json)) as display:
        for frame in _frames(checked, seconds):
            last = quality.sharpness(frame.pixels)
            best, count = max(best, last), count + 1
            display.tell(last, best, frame.taken_ns)
    answer = {"frames": count, "best": round(best, 1), "last": round(last, 1)}
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        typer.echo(f"best {best:.1f}, last {last:.1f} of {count} frames")
    if not count:
        raise typer.Exit(1)


class _Display:
    """The bar in a terminal; without one a line each second; nothing when `quiet`."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        console = Console(stderr=True)
        self._quiet = quiet
        self._live = None
        self._next_ns = 0
        if not quiet and console.is_terminal:
            self._live = Live(console=console, auto_refresh=False, transient=True)
            self._live.start()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None:
            self._live.stop()

    def tell(self, last: float, best: float, at_ns: int) -> None:
        """Show the newest value beside the best, as often as an eye can follow."""
        if self._quiet or at_ns < self._next_ns:
            return
        self._next_ns = at_ns + round((REDRAWN_S if self._live else TOLD_S) * 1e9)
        line = bar(last, best)
        if self._live is None:
            typer.echo(line)
        else:
            self._live.update(line, refresh=True)


def bar(last: float, best: float) -> str:
    """Return the sharpness as a bar; it is full where the sharpest picture was."""
    filled = round(BAR * last / best) if best > 0 else 0
    return f"sharpness {last:9.1f} {'#' * filled}{'.' * (BAR - filled)} best {best:.1f}"


def _look(config: Config) -> Look:
    """Return how frames are judged; without a readable bundle there is no region to draw."""
    from agent.models.slot_watch import wanted_bundle
    from agent.quality.frames import FrameQuality
    from agent.quality.shift import read_reference
    from bundle.archive import open_archive
    from bundle.errors import BundleError

    spec, trained, complaint = None, None, ""
    try:
        path = wanted_bundle(config.model)
        if path is not None:
            manifest = open_archive(path).manifest
            spec, trained = manifest.input, manifest.camera
    except BundleError as error:
        complaint = f"no region is drawn: {error}"
    region = spec.region if spec else None
    window = (region.x, region.y, region.width, region.height) if region else None
    quality = FrameQuality(config.quality, window, read_reference(config.quality))
    return Look(quality, spec, trained, complaint)


def _one_frame(config: Config, skip: int, patience_s: float) -> tuple[Frame, list[Setting]]:
    from agent.errors import CameraError

    settings: list[Setting] = []
    for count, frame in enumerate(_frames(config, patience_s, settings)):
        if count >= skip:
            return frame, settings
    raise CameraError(
        f"the camera gave fewer than {skip + 1} frames within {patience_s:g} s: look at its cable, "
        "or give it longer with --patience"
    )


def _frames(
    config: Config, seconds: float | None, settings: list[Setting] | None = None
) -> Iterator[Frame]:
    """Open the camera and yield its frames until the time is over or Ctrl-C is pressed."""
    from agent.clock import SystemClock
    from agent.drivers import open_camera
    from agent.ports import HasSettings

    clock = SystemClock()
    opened = open_camera(config.camera, config.belt, clock)
    end_ns = None if seconds is None else clock.now_ns() + round(seconds * 1e9)
    try:
        opened.open()
        if settings is not None and isinstance(opened, HasSettings):
            settings += opened.settings
        while end_ns is None or clock.now_ns() < end_ns:
            frame = opened.read(READ_S)
            if frame is not None:
                yield frame
    except KeyboardInterrupt:
        return
    finally:
        opened.close()


def _differing(config: Config, look: Look, settings: list[Setting]) -> list[str]:
    """Return which settings are others than those of the pictures that the model learned from."""
    from agent.camera_settings import as_read_back
    from bundle.camera_settings import differences

    return [each.told for each in differences(look.trained, as_read_back(config.camera, settings))]


def _facts(frame: Frame, look: Look, settings: list[Setting], out: Path) -> dict[str, Any]:
    height, width = frame.pixels.shape[:2]
    spec, size_fault = look.spec, ""
    if spec and (spec.frame_width, spec.frame_height) != (width, height):
        size_fault = (
            f"the model was trained on {spec.frame_width}x{spec.frame_height}, the camera gives "
            f"{width}x{height}: every part would be rejected"
        )
    return {
        "still": str(out),
        "width": width,
        "height": height,
        "channels": 1 if frame.pixels.ndim == 2 else frame.pixels.shape[2],
        "figures": asdict(look.quality.measure(frame.pixels)),
        "fault": look.quality.fault(frame.pixels),
        "size_fault": size_fault,
        "region": spec.region.model_dump() if spec and spec.region else None,
        "note": look.complaint,
        "settings": [asdict(each) for each in settings],
    }


def _told(facts: dict[str, Any]) -> str:
    """Return the facts as lines for a technician."""
    from agent.quality.frames import SENTENCES

    figures = facts["figures"]
    lines = [
        f"still       {facts['still']} ({facts['width']}x{facts['height']})",
        f"mean        {figures['mean']:.1f}",
        f"spread      {figures['spread']:.1f}",
        f"white share {figures['white_share']:.3f}",
        f"sharpness   {figures['sharpness']:.1f}   (half of it is a good quality.min_sharpness)",
    ]
    if figures["shift"]:
        shift = figures["shift"]
        lines.append(
            f"shift       {shift['right']:+.1f} px right, {shift['down']:+.1f} px down, "
            f"match {shift['match']:.2f}"
        )
    for each in facts["settings"]:
        kept = "" if each["kept"] else f"   NOT TAKEN, asked for {each['wanted']}"
        lines.append(f"{each['name']:<11} {each['given']}{kept}")
    lines.append(f"frame       {SENTENCES[facts['fault']]}")
    lines += [f"camera      {each}" for each in facts["differs"]]
    return "\n".join(lines + [facts[key] for key in ("size_fault", "note") if facts[key]])


def _write_still(path: Path, pixels: NDArray[np.uint8], spec: InputSpec | None) -> None:
    import cv2

    from agent.errors import CameraError

    still: Any = pixels
    if spec is not None:
        still = pixels.copy() if pixels.ndim == 3 else cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
        region = spec.region
        if region is not None:
            corner = (region.x + region.width - 1, region.y + region.height - 1)
            cv2.rectangle(still, (region.x, region.y), corner, (0, 255, 0), 2)
    encoded = cv2.imencode(".png", still)[1]
    try:
        path.write_bytes(encoded.tobytes())
    except OSError as error:
        raise CameraError(f"cannot write the still {path}: {error.strerror}") from error
