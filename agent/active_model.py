"""The active model: opened, warmed up and proven before it may judge a part."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.clock import Clock
from agent.errors import AgentError, ModelError
from agent.ports import Engine
from agent.quality.frames import FrameQuality
from bundle.archive import Archive, parse_archive, read_bundle
from bundle.errors import BundleError, ScoreError
from bundle.golden import check_golden
from bundle.manifest import Manifest
from bundle.policy import Decision, decide, defect_score
from bundle.prepare import check_frame_size, prepare_frame
from bundle.signature import Keyring

WARM_UPS = 5

OpenEngine = Callable[[bytes], Engine]


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms a bundle may judge here. Without `trust` nobody asks for a signature.

    `sha256` is that of the whole file, as the slots' state has it; `frame_size` is the camera's
    (width, height). Empty and None stand for any.
    """

    trust: Keyring | None = None
    allow_unsigned: bool = False
    sha256: str = ""
    frame_size: tuple[int, int] | None = None


ANY = Terms()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the model says of one frame, and how long it took in nanoseconds."""

    decision: Decision
    score: float
    prepare_ns: int
    invoke_ns: int


class ActiveModel:
    """A proven model with its engine.

    `quality` judges frames by the model's own region; one lane judges with both.
    """

    def __init__(self, archive: Archive, engine: Engine, clock: Clock, sha256: str = "") -> None:
        self._manifest = archive.manifest
        self._defective = archive.manifest.defective_indices
        self._engine = engine
        self._clock = clock
        self.title = archive.title
        self.sha256 = sha256
        self.signed = bool(archive.signers)
        self.quality: FrameQuality | None = None

    @property
    def manifest(self) -> Manifest:
        """Return the manifest of the bundle."""
        return self._manifest

    @property
    def region(self) -> tuple[int, int, int, int] | None:
        """Return the region of interest as (x, y, width, height); None for the whole frame."""
        region = self._manifest.input.region
        return None if region is None else (region.x, region.y, region.width, region.height)

    def judge(self, pixels: NDArray[np.uint8]) -> Judgement:
        """Judge one camera frame. Raises FrameError, EngineError or ScoreError."""
        check_frame_size(pixels, self._manifest.input)
        start_ns = self._clock.now_ns()
        prepare_frame(pixels, self._manifest.input, self._engine.input_view())
        prepared_ns = self._clock.now_ns()
        logits = self._engine.infer()
        invoked_ns = self._clock.now_ns()
        score = defect_score(logits, self._defective, self._manifest.output.temperature)
        decision = decide(score, self._manifest.thresholds)
        return Judgement(decision, score, prepared_ns - start_ns, invoked_ns - prepared_ns)

    def close(self) -> None:
        """Free the engine."""
        self._engine.close()


def open_active(
    path: Path, open_engine: OpenEngine, clock: Clock, terms: Terms = ANY
) -> ActiveModel:
    """Open a bundle, warm its engine up and hold it against its golden frames.

    Raises ModelError with one line: nothing but a trusted model that computes here what it
    computed where it was made may judge parts.
    """
    archive, sha256 = _open_bundle(path, terms)
    try:
        engine = open_engine(archive.model)
    except AgentError as error:
        raise ModelError(f"{path}: the model cannot be loaded here: {error}") from error
    try:
        _prove(archive, engine)
    except (AgentError, BundleError) as error:
        engine.close()
        raise ModelError(f"{path}: {error}") from error
    return ActiveModel(archive, engine, clock, sha256)


def check_size(manifest: Manifest, frame_size: tuple[int, int] | None) -> None:
    """Refuse a model for frames of another size than the camera gives. Raises ModelError."""
    wanted = (manifest.input.frame_width, manifest.input.frame_height)
    if frame_size is not None and frame_size != wanted:
        raise ModelError(
            f"trained on frames of {wanted[0]}x{wanted[1]}, the camera gives "
            f"{frame_size[0]}x{frame_size[1]}: every part would be rejected"
        )


def _open_bundle(path: Path, terms: Terms) -> tuple[Archive, str]:
    """Read a bundle once, so that what was checked is what is loaded. Raises ModelError."""
    try:
        data = read_bundle(path)
        archive = parse_archive(data, terms.trust, allow_unsigned=terms.allow_unsigned)
        check_size(archive.manifest, terms.frame_size)
    except (BundleError, ModelError) as error:
        text = str(error)
        raise ModelError(text if str(path) in text else f"{path}: {text}") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if terms.sha256 and sha256 != terms.sha256:
        raise ModelError(f"{path} is not what was installed there: flash the model again")
    return archive, sha256


def _prove(archive: Archive, engine: Engine) -> None:
    spec = archive.manifest.input
    shape = engine.input_view().shape
    if shape != (spec.height, spec.width, spec.channels):
        raise ModelError(f"the model takes {shape}, its manifest says otherwise: export it again")

    def infer(prepared: NDArray[np.uint8]) -> NDArray[np.float32]:
        engine.input_view()[...] = prepared
        return engine.infer()

    for _ in range(WARM_UPS):
        logits = engine.infer()
    if logits.shape != (len(archive.manifest.labels),):
        raise ModelError("the model has another number of labels than its manifest")
    if not np.isfinite(logits).all():
        raise ScoreError("the model gave a value that is not a number")
    report = check_golden(archive, infer)
    if not report.passed:
        raise ModelError(
            f"the golden frames give other outputs on this device (off by {report.worst:.4g}, "
            f"allowed {report.tolerance:.4g}): it would not judge as tested; don't use this model"
        )
