"""Pictures -> defect scores, by a run's Keras model or a bundle's TFLite model."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bundle.archive import open_archive
from bundle.manifest import InputSpec, Thresholds
from bundle.policy import probabilities
from bundle.prepare import prepare_frame
from training.dataset import Picture
from training.errors import ModelError
from training.pictures import load_picture
from training.run_folder import RunFolder
from training.tflite import TfliteModel

Infer = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
Advance = Callable[[int], None]

BATCH = 32


@dataclass(frozen=True, slots=True)
class Judge:
    """A model that is ready to judge: pictures as `input` says go in, logits come out."""

    title: str
    infer: Infer
    input: InputSpec
    labels: tuple[str, ...]
    defective: tuple[str, ...]
    thresholds: Thresholds | None
    temperature: float = 1.0
    seen: frozenset[str] = frozenset()


def open_run_judge(folder: RunFolder) -> Judge:
    """Load the Keras model of a run. Raises RunError or ModelError."""
    card = folder.read_card()
    pictures = folder.read_pictures()
    model = load_keras_model(folder.model_path)

    def infer(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(model.predict_on_batch(batch), np.float32)

    return Judge(
        title=f"run of {card.network}",
        infer=infer,
        input=card.input,
        labels=card.labels,
        defective=card.defective,
        thresholds=card.thresholds,
        seen=pictures.seen,
    )


def open_bundle_judge(path: Path, threads: int = 2) -> Judge:
    """Open a bundle and its TFLite model, without Keras. Raises BundleError or ModelError.

    A bundle does not list the pictures of its training, so `seen` is empty.
    """
    archive = open_archive(path)
    manifest = archive.manifest
    return Judge(
        title=archive.title,
        infer=TfliteModel(archive.model, threads).infer,
        input=manifest.input,
        labels=manifest.labels,
        defective=manifest.defective,
        thresholds=manifest.thresholds,
        temperature=manifest.output.temperature,
    )


def score_pictures(
    judge: Judge, root: Path, pictures: Sequence[Picture], advance: Advance | None = None
) -> NDArray[np.float64]:
    """Return the defect score of each picture, in order. Raises DataError or ScoreError."""
    spec = judge.input
    columns = [place for place, label in enumerate(judge.labels) if label in judge.defective]
    scores = np.empty(len(pictures))
    for start in range(0, len(pictures), BATCH):
        chunk = pictures[start : start + BATCH]
        batch = np.stack([prepare_frame(load_picture(root / each.name), spec) for each in chunk])
        shares = probabilities(judge.infer(batch), judge.temperature)
        scores[start : start + len(chunk)] = np.clip(shares[:, columns].sum(axis=1), 0.0, 1.0)
        if advance is not None:
            advance(len(chunk))
    return scores


def load_keras_model(path: Path) -> Any:
    """Load a saved Keras model without its optimizer. Raises ModelError."""
    keras = importlib.import_module("keras")  # here: a bundle is judged without it

    if not path.exists():
        raise ModelError(f"there is no model {path} yet: the run ended before its first epoch did")
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, KeyError) as error:
        raise ModelError(f"cannot load {path}: {error}") from error
