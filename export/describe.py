"""What manifest and card say of a model: from the run, the flatbuffers and the comparison."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata

from pydantic import ValidationError

from bundle.manifest import Manifest, OutputSpec, first_fault
from export.against import Way
from export.card import Card
from export.errors import ExportError
from export.folds import Folds
from export.latency import Latency
from export.operators import QuantizedFacts
from export.options import ExportOptions
from export.parity import ParityReport
from export.reference import reference_text
from training.run_folder import RunCard

_TOOLS = ("linewarden", "tensorflow", "keras", "ai-edge-litert", "opencv-python-headless", "numpy")


@dataclass(frozen=True, slots=True)
class Models:
    """The same network as two flatbuffers, how the second was made, and its MACs for a picture."""

    exact: bytes
    int8: bytes
    facts: QuantizedFacts
    calibration: str
    macs: int


def draft_manifest(card: RunCard, options: ExportOptions) -> Manifest:
    """Return the manifest but for what the model must be known for. Raises ExportError."""
    if card.thresholds is None:
        raise ExportError(
            "the run is not finished, it has no thresholds yet: go on with train --resume"
        )
    try:
        return Manifest(
            name=options.name or card.network,
            version=options.version,
            release=options.release,
            architecture=card.network,
            recipe=options.recipe,
            input=card.input,
            labels=card.labels,
            defective=card.defective,
            thresholds=card.thresholds,
            output=OutputSpec(temperature=card.temperature),
            golden_tolerance=0.0,
            entries={},
            data=card.data.model_copy(update={"note": options.note or card.data.note}),
            tools=_tool_versions(),
            metrics={},
        )
    except ValidationError as error:
        raise ExportError(f"the bundle cannot be described so: {first_fault(error)}") from error


def describe_bundle(
    manifest: Manifest,
    models: Models,
    parity: ParityReport,
    latency: Latency | None,
    folds: Folds | None,
    way: Way | None = None,
) -> Card:
    """Return the report card."""
    return Card(
        name=manifest.name,
        version=manifest.version,
        release=manifest.release,
        architecture=manifest.architecture,
        recipe=manifest.recipe,
        labels=manifest.labels,
        defective=manifest.defective,
        reject_at=manifest.thresholds.reject_at,
        recheck_at=manifest.thresholds.recheck_at,
        thresholds_chosen=manifest.thresholds.chosen,
        input=_input_text(manifest),
        float_bytes=len(models.exact),
        int8_bytes=len(models.int8),
        quantized=models.facts,
        calibration=models.calibration,
        parity=parity,
        folds=folds,
        way=way,
        macs=models.macs,
        latency=latency,
        data=f"{manifest.data.pictures} pictures, fingerprint {manifest.data.fingerprint}",
        note=manifest.data.note,
        reference=reference_text(manifest.reference),
    )


def parity_metrics(parity: ParityReport, models: Models, folds: Folds | None) -> dict[str, float]:
    """Return the figures that the manifest carries, each set's under its name."""
    metrics: dict[str, float] = {
        "float_bytes": float(len(models.exact)),
        "int8_bytes": float(len(models.int8)),
        "parity_passed": float(parity.passed),
    }
    for one in parity.sets:
        metrics |= {
            f"{one.name}_pictures": float(one.pictures),
            f"{one.name}_float_accuracy": one.float_accuracy.value,
            f"{one.name}_int8_accuracy": one.int8_accuracy.value,
            f"{one.name}_int8_escapes": one.int8_escapes.value,
            f"{one.name}_worst_shift": one.worst_shift,
        }
        if one.by_part is not None:
            metrics |= {
                f"{one.name}_defective_parts": float(one.by_part.figures.defective_parts),
                f"{one.name}_good_parts": float(one.by_part.figures.good_parts),
                f"{one.name}_accuracy_low_by_part": one.by_part.accuracy[0],
                f"{one.name}_accuracy_high_by_part": one.by_part.accuracy[1],
                f"{one.name}_escaped_parts": float(one.by_part.figures.escaped_parts),
            }
    if folds is not None:
        for name, spread in (("accuracy", folds.accuracy), ("recall", folds.recall)):
            metrics |= {
                f"new_parts_{name}_mean": spread.mean,
                f"new_parts_{name}_low": spread.low,
                f"new_parts_{name}_high": spread.high,
            }
    return metrics


def _input_text(manifest: Manifest) -> str:
    spec, camera = manifest.input, manifest.camera
    region = spec.region
    cut = (
        "whole frame"
        if region is None
        else f"{region.width}x{region.height} cut at {region.x}, {region.y}"
    )
    return (
        f"{spec.width}x{spec.height}x{spec.channels} {spec.dtype}, {spec.colour}, from "
        f"{spec.frame_width}x{spec.frame_height} frames, {cut}"
        + (f"; camera: {camera.told}" if camera is not None else "")
    )


def _tool_versions() -> dict[str, str]:
    versions = {}
    for tool in _TOOLS:
        with suppress(metadata.PackageNotFoundError):
            versions[tool] = metadata.version(tool)
    return versions
