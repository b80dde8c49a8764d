"""Drawn pictures, a tiny network and a finished run for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_training import draw_classes

from training.config import Augmentation, Phase, TrainOptions
from training.networks.catalogue import register

TINY_PHASES = (
    Phase(name="head", epochs=1, learning_rate=0.02, trained="head"),
    Phase(name="all", epochs=3, learning_rate=0.02),
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a folder with train/ and test/ of two classes."""
    draw_classes(tmp_path / "data" / "train", 20, 0)
    draw_classes(tmp_path / "data" / "test", 6, 5000)
    return tmp_path / "data"


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Return a folder with one folder per class."""
    draw_classes(tmp_path / "plain", 10, 9000)
    return tmp_path / "plain"


@pytest.fixture
def tiny_options() -> TrainOptions:
    """Return options of a run that takes seconds; defects are drawn for larger parts than ours."""
    return TrainOptions(
        model="tiny",
        size=32,
        batch=8,
        validation_share=0.2,
        phases=TINY_PHASES,
        augmentation=Augmentation(defects=0.0),
    )


@pytest.fixture(autouse=True, scope="session")
def tiny_network() -> None:
    """Put two networks of a few weights into the catalogue."""

    @register("tiny", TINY_PHASES)
    def build_tiny(spec, labels):
        import keras

        pictures = keras.Input((spec.height, spec.width, spec.channels))
        flow = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pictures)
        flow = keras.layers.Conv2D(8, 5, strides=4, activation="relu", name="body")(flow)
        flow = keras.layers.GlobalMaxPooling2D()(flow)
        return keras.Model(pictures, keras.layers.Dense(labels, name="head_logits")(flow))

    @register("normed", TINY_PHASES)
    def build_normed(spec, labels):
        import keras

        pictures = keras.Input((spec.height, spec.width, spec.channels))
        flow = keras.layers.BatchNormalization(name="norm")(pictures)
        flow = keras.layers.GlobalMaxPooling2D()(flow)
        return keras.Model(pictures, keras.layers.Dense(labels, name="head_logits")(flow))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one warning of Keras 3 itself about NumPy 2 pass in this folder's Keras tests."""
    known = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("train"):
            item.add_marker(known)
