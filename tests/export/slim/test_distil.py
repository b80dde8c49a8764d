"""A pruned network learns what the full one says, and by what it knows it."""

from __future__ import annotations

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
    tutor = Tutor(pupil, lesson, 0.0, teacher.feature_size)
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


def _margins(network, pictures):
    """Return by how much the first label leads: all that a softmax of two logits knows."""
    logits = network.predict_on_batch(pictures)
    return logits[:, 0] - logits[:, 1]
