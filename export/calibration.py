"""The training pictures that set the ranges of the int8 model."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from bundle.manifest import InputSpec
from bundle.prepare import Pixels, prepare_frame
from export.errors import CalibrationError
from training.augment import augment_picture
from training.config import Augmentation
from training.dataset import Picture
from training.pictures import load_picture

if TYPE_CHECKING:
    from training.fit import Job

PICTURES = 256


def choose_pictures(pictures: Sequence[Picture], seed: int, count: int = PICTURES) -> list[Picture]:
    """Return up to `count` pictures, as many of each label as there are, chosen by content.

    The same pictures and seed give the same choice, in the same order.
    """
    by_label: dict[str, list[Picture]] = defaultdict(list)
    for picture in sorted(pictures, key=lambda one: (_rank(one, seed), one.name)):
        by_label[picture.label].append(picture)
    labels = sorted(by_label)
    chosen: list[Picture] = []
    for turn in range(max((len(by_label[label]) for label in labels), default=0)):
        for label in labels:
            if turn < len(by_label[label]) and len(chosen) < count:
                chosen.append(by_label[label][turn])
    return chosen


def calibration_frames(
    root: Path,
    pictures: Sequence[Picture],
    spec: InputSpec,
    augmentation: Augmentation,
    seed: int,
) -> list[Pixels]:
    """Return prepared pictures whose values span what the model will meet.

    Each picture comes as it is; every fourth comes once more, varied as in training, since the
    light on the line drifts. One more is stretched to reach from 0 to 255: then one step of the
    input is one grey level, and the device copies pixels. Raises CalibrationError, DataError.
    """
    if not pictures:
        raise CalibrationError(
            "the run has no training pictures in this data: is it the right one?"
        )
    plain = [prepare_frame(load_picture(root / picture.name), spec) for picture in pictures]
    varied = [
        augment_picture(frame, augmentation, np.random.default_rng((seed, place)))
        for place, frame in enumerate(plain)
        if place % 4 == 0
    ]
    return [*plain, *varied, _stretched(plain)]


def job_frames(job: Job, count: int) -> list[Pixels]:
    """Return the calibration frames of a run's job. Raises CalibrationError, DataError."""
    chosen = choose_pictures(job.split.training, job.options.seed, count)
    return calibration_frames(
        job.root, chosen, job.spec, job.options.augmentation, job.options.seed
    )


def _stretched(frames: Sequence[Pixels]) -> Pixels:
    """Return the frame of the widest contrast, stretched linearly to 0..255."""
    widest = max(frames, key=lambda frame: int(frame.max()) - int(frame.min()))
    if widest.max() == widest.min():
        raise CalibrationError("every calibration picture is of one single grey: check the data")
    stretched = cv2.normalize(widest, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    return np.asarray(stretched, np.uint8).reshape(widest.shape)


def _rank(picture: Picture, seed: int) -> bytes:
    return hashlib.sha256(f"calibration:{seed}:{picture.sha256}".encode()).digest()
