"""A pruned network learns what the full one says, and by what it knows it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from slim_networks import SPEC, build_narrow, draw_pictures, shake_weights

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

keras = pytest.importorskip("keras")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """Return a network, the teacher that was made of it, and pictures of its size."""
    from export.slim.answers import Teacher

    network = build_narrow("mobilenet_v2")
    shake_weights(network, 3)
    log = tmp_path_factory.mktemp("teacher") / "log"
    return network, Teacher(network, SPEC, log, workers=2), draw_pictures(network, 4, count=16)


def build_pupil():
    """Build a network that is far smaller than its teacher."""
    keras.utils.set_random_seed(5)
    layers = keras.layers
    pictures = keras.Input((64, 64, 1))
    flow = layers.Rescaling(1 / 127.5, offset=-1.0)(pictures)
    flow = layers.Conv2D(8, 5, strides=4, activation="relu")(flow)
    flow = layers.Dense(12, activation="relu")(layers.Flatten()(flow))
    return keras.Model(pictures, layers.Dense(2)(flow))


def test_the_teacher_says_what_the_network_says(asked):
    """Its feature is what its last layer reads; both as Keras computes them."""
    network, teacher, pictures = asked
    logits, feature = teacher.answer(pictures.astype(np.uint8))
    probe = keras.Model(network.input, [network.output, network.layers[-1].input])
    wanted = probe.predict_on_batch(pictures.astype(np.uint8).astype(np.float32))
    np.testing.assert_allclose(logits, wanted[0], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(feature, wanted[1], rtol=1e-3, atol=1e-3)
    assert teacher.feature_size == feature.shape[1]


def test_for_a_few_pictures_the_network_itself_is_asked(asked, tmp_path):
    """It says the same; nothing is converted."""
    from export.slim.answers import Teacher

    network, teacher, pictures = asked
    log = tmp_path / "log"
    few = Teacher(network, SPEC, log, workers=2, few=True)
    shown = pictures.astype(np.uint8)
    for ours, wanted in zip(few.answer(shown), teacher.answer(shown), strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-3, atol=1e-3)
    assert few.feature_size == teacher.feature_size
    assert not log.exists()


@pytest.mark.parametrize("from_feature", [0.0, 1.0])
def test_the_pupil_comes_nearer_to_the_teacher_and_keeps_its_layers(asked, from_feature):
    """What it guessed the feature with is no part of it."""
    from export.slim.distil import Lesson, Tutor

    _, teacher, pictures = asked
    logits, feature = teacher.answer(pictures.astype(np.uint8))
    pupil, truths = build_pupil(), np.eye(2, dtype=np.float32)[np.arange(16) % 2]
    weights = [one.shape for one in pupil.weights]
    lesson = Lesson("one", 1, 1e-2, from_teacher=1.0, from_feature=from_feature)
    tutor = Tutor(pupil, lesson, 0.0, teacher.feature_size, seed=1)
    tutor.compile(optimizer=keras.optimizers.Adam(1e-2))
    margins = logits[:, 0] - logits[:, 1]
    before = np.abs(_margins(pupil, pictures) - margins).mean()
    losses = [
        float(tutor.train_on_batch(pictures, (truths, logits, feature), np.ones(16, np.float32)))
        for _ in range(40)
    ]
    assert losses[-1] < losses[0] / 2
    assert np.abs(_margins(pupil, pictures) - margins).mean() < before
    assert [one.shape for one in pupil.weights] == weights


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Return sixteen pictures on disk, half of them of each label."""
    from training.dataset import read_index

    root = tmp_path_factory.mktemp("taught")
    for number, pixels in enumerate(draw_pictures(build_pupil(), 6, count=16)):
        folder = root / ("bad" if number % 2 else "ok")
        folder.mkdir(exist_ok=True)
        cv2.imwrite(str(folder / f"{number:02d}.png"), pixels.astype(np.uint8))
    return read_index(root)


@pytest.mark.parametrize(
    "lesson",
    [
        pytest.param({"epochs": 1}, id="a few steps, without a graph"),
        pytest.param({"epochs": 3}, id="more of them"),
        pytest.param({"epochs": 1, "from_feature": 1.0}, id="the feature as well"),
    ],
)
def test_the_same_seed_teaches_the_same(asked, index, lesson):
    """Whatever was drawn before: a network that was taught can be had again, to the bit."""
    fresh = [one.numpy() for one in _dropping_pupil().trainable_weights]
    ours, again = (_taught(asked, index, lesson, seed=7, before=before) for before in (1, 2))
    for one, other, first in zip(ours, again, fresh, strict=True):
        assert np.abs(one - first).max() > 1e-4  # it did learn
        np.testing.assert_array_equal(one, other)


def test_another_seed_teaches_otherwise_on_the_same_pictures(asked, index):
    """It decides what is dropped."""
    ours, others = (_taught(asked, index, {"epochs": 1}, seed=seed, before=1) for seed in (7, 8))
    for one, other in zip(ours, others, strict=True):
        assert np.abs(one - other).max() > 1e-4


def _dropping_pupil():
    """Build the pupil with a dropout before its last layer."""
    pupil = build_pupil()
    flow = keras.layers.Dropout(0.5)(pupil.layers[-2].output)
    return keras.Model(pupil.input, keras.layers.Dense(2)(flow))


def _taught(asked, index, lesson, *, seed, before):
    """Return what a fresh pupil has learned after Keras was seeded with `before`."""
    from export.slim.answers import TaughtBatches
    from export.slim.distil import Lesson, teach
    from training.batches import PictureBatches
    from training.config import Augmentation

    _, teacher, _ = asked
    pupil = _dropping_pupil()
    ours, shown = (
        PictureBatches(
            index.root, index.pictures, SPEC, index.labels, batch=4, seed=5,
            augmentation=Augmentation(), workers=2, defective=("bad",),
        )
        for _ in range(2)
    )  # fmt: skip
    keras.utils.set_random_seed(before)
    lesson = Lesson("one", learning_rate=1e-2, **lesson)
    taught = TaughtBatches(ours, shown, teacher, workers=2)
    teach(pupil, taught, lesson, seed=seed, smoothing=0.1, first_epoch=2)
    return [one.numpy() for one in pupil.trainable_weights]


def _margins(network, pictures):
    """Return by how much the first label leads: all that a softmax of two logits knows."""
    logits = network.predict_on_batch(pictures)
    return logits[:, 0] - logits[:, 1]
