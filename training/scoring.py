"""Pictures -> defect scores, by a run's Keras model or a bundle's TFLite model."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
    """A model that is ready to judge: pictures as `input` says go in, logits come out.

    `seen`, `split_test` and `part_of` know pictures by the SHA-256 of their contents: those that
    took part in the training, those that its split keeps for the test, and each one's part.
    """

    title: str
    infer: Infer
    input: InputSpec
    labels: tuple[str, ...]
    defective: tuple[str, ...]
    thresholds: Thresholds | None
    temperature: float = 1.0
    seen: frozenset[str] = frozenset()
    split_test: frozenset[str] = frozenset()
    part_of: Mapping[str, int] = field(default_factory=dict)


def open_run_judge(folder: RunFolder, model: Any = None) -> Judge:
    """Return the judge of a run, with its Keras model; it is loaded unless it is at hand.

    Raises RunError or ModelError.
    """
    card = folder.read_card()
    pictures = folder.read_pictures()
    if model is None:
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
        temperature=card.temperature,
        seen=pictures.seen,
        split_test=frozenset(picture.sha256 for picture in pictures.test),
        part_of=pictures.part_of,
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
    return defect_scores(judge, infer_pictures(judge, root, pictures, advance))


def infer_pictures(
    judge: Judge, root: Path, pictures: Sequence[Picture], advance: Advance | None = None
) -> NDArray[np.float32]:
    """Return the logits (n, labels) of each picture, in order. Raises DataError."""
    logits = np.empty((len(pictures), len(judge.labels)), np.float32)
    for start in range(0, len(pictures), BATCH):
        chunk = pictures[start : start + BATCH]
        batch = [prepare_frame(load_picture(root / each.name), judge.input) for each in chunk]
        logits[start : start + len(chunk)] = judge.infer(np.stack(batch))
        if advance is not None:
            advance(len(chunk))
    return logits


def defect_scores(judge: Judge, logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the defect score (n,) of logits (n, labels). Raises ScoreError."""
    columns = [place for place, label in enumerate(judge.labels) if label in judge.defective]
    shares = probabilities(logits, judge.temperature)
    return np.asarray(np.clip(shares[:, columns].sum(axis=1), 0.0, 1.0), np.float64)


def load_keras_model(path: Path) -> Any:
    """Load a saved Keras model without its optimizer. Raises ModelError."""
    keras = importlib.import_module("keras")  # here: a bundle is judged without it

    if not path.exists():
        raise ModelError(f"there is no model {path} yet: the run ended before its first epoch did")
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, KeyError) as error:
        raise ModelError(f"cannot load {path}: {error}") from error
