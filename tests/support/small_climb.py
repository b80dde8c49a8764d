"""A small network that has learned drawn pictures, a short ladder for it, and kills on the way."""

from __future__ import annotations

import cv2
import keras
import numpy as np

from bundle.manifest import DataFacts, InputSpec, Thresholds
from export.slim.distil import Lesson
from export.slim.ladder import Ladder, Lessons, Rung
from training.config import TrainOptions
from training.dataset import read_index, split_validation
from training.run_folder import RunCard, RunFolder, list_pictures

SPEC = InputSpec(height=64, width=64, frame_height=40, frame_width=40)
LADDER = Ladder(
    folder="slim",
    rungs=(Rung(64, 0.75), Rung(32, 0.5)),
    lessons=Lessons(
        recover=Lesson("recover", epochs=1, learning_rate=3e-3, norms=True),
        distil=Lesson("distil", epochs=2, learning_rate=1e-3),
    ),
    calmed=Lessons(
        relearn=Lesson("relearn", epochs=2, learning_rate=1e-3, from_feature=0.5),
        distil=Lesson("distil", epochs=1, learning_rate=1e-3),
    ),
    pictures=48,
    judged=2,
    batch=16,
)


class Steps:
    """Hears of every step; breaks off after so many advances of some steps, as a kill would."""

    def __init__(self, breaks_after=None, within=""):
        self.texts, self._advances = [], 0
        self._breaks_after, self._within = breaks_after, within

    def step(self, text, total=None):
        self.texts.append(text)

    def advance(self):
        self._advances += self._within in self.texts[-1]
        if self._advances == self._breaks_after:
            raise KeyboardInterrupt


def draw_data(root):
    """Draw light discs, the bad ones with a dark hole."""
    for side, count in (("train", 40), ("test", 8)):
        for label in ("bad", "ok"):
            folder = root / side / label
            folder.mkdir(parents=True)
            for number in range(count):
                random = np.random.default_rng((number, label == "bad", side == "test"))
                frame = random.integers(0, 60, (40, 40), np.uint8)
                cv2.circle(frame, (20, 20), 16, 220, thickness=-1)
                if label == "bad":
                    x, y = (int(value) for value in random.integers(13, 27, 2))
                    cv2.circle(frame, (x, y), 5, 5, thickness=-1)
                cv2.imwrite(str(folder / f"{number:03d}.png"), frame)


def build_network(activation="relu"):
    """Build a network whose time lies in its convolutions, so that narrower is faster."""
    keras.utils.set_random_seed(2)
    layers = keras.layers
    pictures = keras.Input((64, 64, 1), name="pictures")
    flow = layers.Rescaling(1 / 127.5, offset=-1.0, name="scaling")(pictures)
    for name, strides in (("first", 2), ("second", 2), ("third", 1)):
        flow = layers.Conv2D(
            64, 3, strides=strides, padding="same", use_bias=False, name=f"{name}_conv"
        )(flow)
        flow = layers.BatchNormalization(name=f"{name}_norm")(flow)
        relu = activation == "relu"
        flow = (layers.ReLU() if relu else layers.Activation(activation))(flow)
        if name == "second" and not relu:
            flow = gate(flow)
    flow = layers.GlobalAveragePooling2D(name="head_pooling")(flow)
    return keras.Model(pictures, layers.Dense(2, name="head_logits")(flow), name="small")


def gate(flow):
    """Weigh channels by a gate that hardly hears anything."""
    layers = keras.layers
    numbers = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(flow)
    numbers = layers.Conv2D(8, 1, activation="silu", name="reduce")(numbers)
    numbers = layers.Conv2D(64, 1, activation="sigmoid", kernel_initializer="zeros", name="expand")(
        numbers
    )
    return layers.Multiply(name="excite")([flow, numbers])


def make_run(root, activation="relu"):
    """Return data and run folder of a network that has learned the drawn pictures a little."""
    data, run = root / "data", RunFolder(root / "run")
    draw_data(data)
    index = read_index(data, "train")
    network = build_network(activation)
    frames = np.stack([cv2.imread(str(data / one.name), 0) for one in index.pictures])
    pictures = np.stack([cv2.resize(one, (64, 64)) for one in frames])[..., np.newaxis]
    truths = np.array([index.labels.index(one.label) for one in index.pictures])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(optimizer=keras.optimizers.Adam(3e-3), loss=loss)
    network.fit(pictures.astype(np.float32), truths, epochs=6, batch_size=16, verbose=0)
    card = RunCard(
        network="small",
        labels=("bad", "ok"),
        defective=("bad",),
        input=SPEC,
        data=DataFacts(fingerprint=index.fingerprint, pictures=len(index.pictures)),
        thresholds=Thresholds(reject_at=0.5, recheck_at=0.5, chosen="for the tests"),
    )
    options = TrainOptions(size=64, validation_share=0.2, workers=1)
    split = split_validation(index.pictures, options.validation_share, options.seed)
    run.begin(options, card, list_pictures(split, ()))
    run.save_model(network, run.model_path)
    return data, run.path
