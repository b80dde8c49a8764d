"""A finished run of a tiny network on drawn pictures, made once for all tests of this folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from bundle.manifest import DataFacts, InputSpec, Thresholds
from training.config import TrainOptions
from training.dataset import read_index, split_validation
from training.run_folder import RunCard, RunFolder, list_pictures

SPEC = InputSpec(height=32, width=32, frame_height=40, frame_width=40)
THRESHOLDS = Thresholds(reject_at=0.5, recheck_at=0.4, chosen="by hand, for the tests")


@dataclass(frozen=True, slots=True)
class Workshop:
    """A data folder and the run that was made of it."""

    data: Path
    run: Path
    network: Any
    spec: InputSpec


def draw_part(seed: int, *, bad: bool) -> np.ndarray:
    """Draw a light disc; a bad one has a dark hole."""
    random = np.random.default_rng(seed)
    frame = random.integers(0, 60, (40, 40), np.uint8)
    cv2.circle(frame, (20, 20), 16, 220, thickness=-1)
    if bad:
        x, y = (int(value) for value in random.integers(12, 28, 2))
        cv2.circle(frame, (x, y), 5, 5, thickness=-1)
    return frame


def draw_data(root: Path) -> None:
    """Draw a data folder with train/ and test/ of two classes."""
    for side, count in (("train", 40), ("test", 12)):
        for place, label in enumerate(("bad", "ok")):
            folder = root / side / label
            folder.mkdir(parents=True)
            for number in range(count):
                seed = number + 1000 * place + (5000 if side == "test" else 0)
                frame = draw_part(seed, bad=label == "bad")
                cv2.imwrite(str(folder / f"{number:03d}.png"), frame)


def build_network(seed: int = 3) -> Any:
    """Build a network of two convolutions with the scaling inside."""
    keras = pytest.importorskip("keras")
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    pictures = keras.Input((32, 32, 1))
    flow = layers.Rescaling(1 / 127.5, offset=-1.0)(pictures)
    flow = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(flow)
    flow = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(flow)
    flow = layers.GlobalAveragePooling2D()(flow)
    return keras.Model(pictures, layers.Dense(2)(flow))


def learn(network: Any, data: Path) -> None:
    """Fit the network to the training pictures."""
    keras = pytest.importorskip("keras")
    index = read_index(data, "train")
    frames = [cv2.imread(str(data / one.name), 0) for one in index.pictures]
    pictures = np.stack([cv2.resize(one, (32, 32))[..., np.newaxis] for one in frames])
    truths = np.array([index.labels.index(one.label) for one in index.pictures])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(optimizer=keras.optimizers.Adam(0.02), loss=loss)
    network.fit(pictures.astype(np.float32), truths, epochs=30, batch_size=16, verbose=0)


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """Return a finished run of a tiny network that has learned its pictures."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    root = tmp_path_factory.mktemp("workshop")
    data, run = root / "data", root / "run"
    draw_data(data)
    network = build_network()
    learn(network, data)
    index = read_index(data, "train")
    card = RunCard(
        network="tiny",
        labels=("bad", "ok"),
        defective=("bad",),
        input=SPEC,
        data=DataFacts(fingerprint=index.fingerprint, pictures=len(index.pictures)),
        thresholds=THRESHOLDS,
    )
    folder = RunFolder(run)
    split = split_validation(index.pictures, 0.2, 0)
    folder.begin(TrainOptions(size=32), card, list_pictures(split, ()))
    folder.save_model(network, folder.model_path)
    return Workshop(data, run, network, SPEC)
