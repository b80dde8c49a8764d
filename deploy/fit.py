"""Whether a new model is one for this line: frame size, labels, region, and the line's time."""

from __future__ import annotations

from bundle.camera_settings import differences
from bundle.manifest import InputSpec, Manifest
from deploy.errors import FitError
from deploy.findings import Findings
from deploy.line_config import LineConfig

_FORCE = "if that is meant, `--force` takes it"


def check_fit(new: Manifest, line: LineConfig, judging: Manifest | None, *, force: bool) -> None:
    """Refuse a model for another camera, and without `force` one for another product.

    `judging` is the model that judges now, for it was made for this line. Raises FitError.
    """
    spec = new.input
    size = (spec.frame_width, spec.frame_height)
    if line.camera is not None and size != line.camera:
        raise FitError(
            f"the model is for frames of {_size(size)}, this line's camera gives "
            f"{_size(line.camera)}: every part would be rejected; get the model for this camera"
        )
    if judging is None or force:
        return
    _check_labels(new, judging)
    _check_frames(spec, judging.input)


def camera_notes(new: Manifest, line: LineConfig) -> list[str]:
    """Return which settings of the camera are others than the model was trained with.

    That is no refusal: it judges, only not such pictures as it was tested on.
    """
    found = differences(new.camera, line.settings)
    return [f"camera.{each.told}: {each.remedy}, and restart the agent" for each in found]


def check_time(findings: Findings, line: LineConfig) -> None:
    """Refuse a model that is too slow for the line. Raises FitError."""
    if line.budget_ms is not None and findings.p99_ms > line.budget_ms:
        raise FitError(
            f"the model takes {findings.p99_ms:.1f} ms on this board (99 of 100 verdicts are "
            f"faster), the line leaves {line.budget_ms:.1f} ms: get a smaller model, or move the "
            "gate further away and raise timing.delay_ms"
        )


def _check_labels(new: Manifest, judging: Manifest) -> None:
    if set(new.labels) == set(judging.labels) and set(new.defective) == set(judging.defective):
        return
    raise FitError(
        f"the model is for another product: it knows {_named(new)}, "
        f"the one that judges knows {_named(judging)}; get the model for this line; {_FORCE}"
    )


def _check_frames(new: InputSpec, judging: InputSpec) -> None:
    sizes = [(each.frame_width, each.frame_height) for each in (new, judging)]
    if sizes[0] != sizes[1]:
        raise FitError(
            f"the model is for another camera: frames of {_size(sizes[0])}, "
            f"the one that judges takes {_size(sizes[1])}; {_FORCE}"
        )
    if new.region != judging.region:
        raise FitError(
            f"the model looks at {_region(new)}, the one that judges looks at {_region(judging)}: "
            f"it is for another product or another mounting of the camera; {_FORCE}"
        )


def _named(manifest: Manifest) -> str:
    good = [label for label in manifest.labels if label not in manifest.defective]
    return f"defects {', '.join(sorted(manifest.defective))} and good {', '.join(sorted(good))}"


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _region(spec: InputSpec) -> str:
    region = spec.region
    if region is None:
        return "the whole frame"
    return f"{region.width}x{region.height} at {region.x},{region.y}"
