"""Small real bundles for tests: hand-made archives around a scripted or a real model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bundle.archive import write_archive
from bundle.camera_settings import CameraSettings
from bundle.container import read_container, write_container
from bundle.golden import make_golden
from bundle.manifest import DataFacts, InputSpec, Manifest, Thresholds
from bundle.signature import sign_manifest

SPEC = InputSpec(height=32, width=32, frame_height=64, frame_width=64)
LABELS = ("def_front", "ok_front")
CAMERA = CameraSettings(
    pixels="mjpeg", exposure_us=2000, gain=0, left_to_camera=("white_balance_k",)
)


def some_manifest(**changes: object) -> Manifest:
    """Return a valid manifest, changed."""
    fields = {
        "name": "scripted",
        "version": "1.0.0",
        "release": 1,
        "architecture": "scripted",
        "recipe": "int8",
        "input": SPEC,
        "labels": LABELS,
        "defective": ("def_front",),
        "thresholds": Thresholds(reject_at=0.5, recheck_at=0.3, chosen="by hand"),
        "golden_tolerance": 0.01,
        "entries": {},
        "data": DataFacts(fingerprint="0" * 64, pictures=0),
        "tools": {},
        "metrics": {},
    }
    return Manifest(**(fields | changes))


def picture(seed: int = 0, size: int = 64) -> np.ndarray:
    """Return a random frame."""
    return np.random.default_rng(seed).integers(0, 256, (size, size), dtype=np.uint8)


def write_scripted(path: Path, logits: tuple[float, float] = (0.0, 1.0), **changes: object) -> Path:
    """Write a bundle whose golden outputs are `logits`, around a model that is no model."""
    golden = make_golden([picture(1)], lambda _: np.array(logits, np.float32), SPEC)
    write_archive(path, some_manifest(**changes), {"model.tflite": b"scripted", **golden})
    return path


def rewritten(data: bytes, key: Ed25519PrivateKey | None, **changes: object) -> bytes:
    """Return a bundle with keys of its manifest set as a later linewarden would, and signed."""
    contents = read_container(data, lambda _: True)
    manifest = json.loads(contents.pop("manifest.json")) | changes
    contents.pop("manifest.sig", None)
    text = json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"
    opening = {"manifest.json": text}
    if key is not None:
        opening["manifest.sig"] = sign_manifest(text, key, None)
    return write_container(opening | contents)
