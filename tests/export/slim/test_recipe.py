"""What a climb down the ladder promises, on a small network with the real interpreter and clock."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from bundle.archive import open_archive
from bundle.manifest import DataFacts, InputSpec
from export.convert import load_network
from export.errors import BudgetError, SlimError
from export.slim.climb import ClimbFolder, ClimbState, list_tasks, read_facts
from export.slim.distil import Lesson
from export.slim.front import pick, read_front
from export.slim.ladder import FULL, QUICK, Ladder, Rung
from export.slim.plain import has_swish
from training.comparison.cost import count_macs
from training.config import TrainOptions
from training.dataset import read_index, split_validation
from training.pipeline import read_job
from training.run_folder import RunCard, RunFolder, list_pictures

keras = pytest.importorskip("keras")

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SPEC = InputSpec(height=64, width=64, frame_height=40, frame_width=40)
LADDER = Ladder(
    folder="slim",
    rungs=(Rung(64, 0.75), Rung(32, 0.5)),
    relearn=Lesson("relearn", epochs=1, learning_rate=3e-3, norms=True),
    recover=Lesson("recover", epochs=1, learning_rate=3e-3, norms=True),
    distil=Lesson("distil", epochs=2, learning_rate=1e-3),
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
    )
    options = TrainOptions(size=64, validation_share=0.2, workers=1)
    split = split_validation(index.pictures, options.validation_share, options.seed)
    run.begin(options, card, list_pictures(split, ()))
    run.save_model(network, run.model_path)
    return data, run.path


@pytest.fixture(scope="module")
def climbed(tmp_path_factory):
    """Return run, data, front and texts of a climb that was cut off twice and gone on with."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from export.slim.recipe import make_slim

    data, run = make_run(tmp_path_factory.mktemp("slim"))
    for breaks_after in (5, 12):
        with pytest.raises(KeyboardInterrupt):
            make_slim(run, data, LADDER, Steps(breaks_after), time.perf_counter_ns)
    steps = Steps()
    front = make_slim(run, data, LADDER, steps, time.perf_counter_ns)
    return run, data, front, steps


def test_a_climb_that_was_cut_off_goes_on_where_it_was(climbed):
    """Each rung stands in the front once, each cut once in the record, and no epoch is lost."""
    run, _, front, _ = climbed
    assert {point.name for point in front.points} == {"64-at-75", "32-at-50"}
    state = ClimbFolder(run / "slim").read_state()
    assert state.tasks == len(list_tasks(LADDER))
    rungs = ("64-at-75", "32-at-50")
    steps = ("cut", "recover", "distil")
    assert [one.step for one in state.steps] == [f"{a}, {b}" for a in rungs for b in steps]
    assert state.taught == 6


def test_a_finished_climb_is_only_read(climbed):
    """Asked for again, it gives the same front at once."""
    from export.slim.recipe import make_slim

    run, data, front, _ = climbed
    steps = Steps()
    assert make_slim(run, data, LADDER, steps, time.perf_counter_ns) == front
    assert steps.texts == []


def test_a_folder_of_another_ladder_is_refused(climbed):
    """Its rungs would be taken for those asked for."""
    from export.slim.recipe import make_slim

    run, data, _, _ = climbed
    other = replace(LADDER, rungs=(Rung(64, 0.5),))
    with pytest.raises(SlimError, match="holds 64-at-75, 32-at-50, not 64-at-50"):
        make_slim(run, data, other, Steps(), time.perf_counter_ns)


def test_channels_are_really_gone(climbed):
    """The saved network is narrower than the full one, in whole blocks of eight."""
    run, _, front, _ = climbed
    for point in front.points:
        facts = read_facts(RunFolder((run / "slim" / point.model).parent))
        assert facts.widths == point.widths
        assert sum(facts.widths.values()) < sum(facts.full_widths.values())
        assert all(width % 8 == 0 for width in facts.widths.values())
        network = keras.models.load_model(run / "slim" / point.model, compile=False)
        assert network.get_layer("first_conv").filters == facts.widths["first_conv"]


def test_a_rung_is_a_finished_run_of_its_own_size(climbed):
    """It has thresholds chosen on its own scores, figures, and the lists of the full run."""
    run, _, front, _ = climbed
    full = RunFolder(run)
    for point in front.points:
        rung = RunFolder((run / "slim" / point.model).parent)
        assert rung.read_card().thresholds is not None
        assert rung.read_card().input.height == point.size
        assert rung.read_pictures() == full.read_pictures()
        assert rung.read_json("metrics.json")["test"]["pictures"] == 16


def test_the_smaller_rung_is_the_faster_one(climbed):
    """Of a quarter of the pixels and fewer channels."""
    front = climbed[2]
    small, large = sorted(front.points, key=lambda point: point.size)
    assert small.macs < large.macs / 2
    assert small.p50_ms < large.p50_ms


def test_what_cannot_be_reached_names_the_nearest(climbed):
    """A budget below every point is refused with the fastest one there is."""
    front = climbed[2]
    with pytest.raises(BudgetError, match="32-at-50 takes"):
        pick(front.points, max_latency_ms=1e-6)


def test_the_bundle_of_a_rung_has_the_whole_way_on_its_card(climbed, tmp_path: Path):
    """Full float, full int8, slim float, slim int8, timed on one, two and four threads."""
    from export.pack import ExportOptions, build_bundle

    run, data, _, _ = climbed
    folder = RunFolder(run)
    card = folder.read_card()
    rung = RunFolder(run / "slim" / "64-at-75").read_card()
    folder.write_card(card.model_copy(update={"thresholds": rung.thresholds}))
    options = ExportOptions(
        run=run, data=data, out=tmp_path / "small-0.1.0.lwb", recipe="pruned-int8", ladder=LADDER,
        now_ns=time.perf_counter_ns, force=True,
    )  # fmt: skip
    exported = build_bundle(options, Steps())
    way = exported.card.way
    assert way is not None
    assert [row.name for row in way.rows][:2] == ["full, float", "full, int8"]
    assert way.rows[0].disagreements.count == 0
    assert all(set(row.p50_ms) == {"1", "2", "4"} for row in way.rows)
    assert exported.manifest.recipe == "pruned-int8"


def test_a_network_with_swish_loses_it_before_its_first_rung(tmp_path: Path):
    """And a gate that stands still; it learns anew at that size, and every rung is without them."""
    from export.slim.recipe import make_slim

    data, run = make_run(tmp_path, "silu")
    distil = replace(LADDER.distil, epochs=1)
    ladder = replace(LADDER, rungs=(Rung(32, 0.75),), distil=distil)
    with pytest.raises(KeyboardInterrupt):
        make_slim(run, data, ladder, Steps(4), time.perf_counter_ns)
    folder = ClimbFolder(run / "slim")
    state = folder.read_state()
    assert state.tasks > 0
    folder.keep(state.model_copy(update={"swish": False}))  # as climbs of old were
    with pytest.raises(SlimError, match="left the network its swish: remove that folder"):
        make_slim(run, data, ladder, Steps(), time.perf_counter_ns)
    folder.keep(state)
    front = make_slim(run, data, ladder, Steps(), time.perf_counter_ns)
    (point,) = front.points
    facts = read_facts(RunFolder((run / "slim" / point.model).parent))
    wanted = [
        "without swish and 1 of 1 gates",
        "32-at-75, cut",
        "32-at-75, recover",
        "32-at-75, distil",
    ]
    assert [one.step for one in facts.steps] == wanted
    network = keras.models.load_model(run / "slim" / point.model, compile=False)
    kinds = [type(layer).__name__ for layer in network.layers]
    assert kinds.count("ReLU") == 3
    assert not {"Activation", "Multiply"} & set(kinds)


def test_a_polished_rung_is_one_of_a_network_that_lost_its_swish(tmp_path: Path):
    """The rungs below go on from it, and so does a climb that was cut off in its lesson."""
    from export.slim.recipe import make_slim

    data, run = make_run(tmp_path, "silu")
    first, second = LADDER.rungs
    ladder = replace(
        LADDER,
        rungs=(first, replace(first, polished=True), second),
        distil=replace(LADDER.distil, epochs=1),
        polish=Lesson("polish", epochs=2, learning_rate=1e-3, from_feature=0.5),
    )
    assert ladder.rungs_of(swish=False) == LADDER.rungs
    with pytest.raises(KeyboardInterrupt):
        make_slim(run, data, ladder, Steps(4, within="polish"), time.perf_counter_ns)
    steps = Steps()
    front = make_slim(run, data, ladder, steps, time.perf_counter_ns)
    assert steps.texts[0].startswith("64-at-75-polished: polish, 1 epochs")
    polished, source = (
        next(one for one in front.points if one.name == name)
        for name in ("64-at-75-polished", "64-at-75")
    )
    assert polished.widths == source.widths
    facts = read_facts(RunFolder((run / "slim" / "32-at-50" / "model.keras").parent))
    lessons = ("cut", "recover", "distil")
    assert [one.step for one in facts.steps] == [
        "without swish and 1 of 1 gates",
        *(f"64-at-75, {one}" for one in lessons),
        "64-at-75-polished, polish",
        *(f"32-at-50, {one}" for one in lessons),
    ]
    assert make_slim(run, data, ladder, Steps(), time.perf_counter_ns) == front


def test_a_quick_climb_does_everything_once(tmp_path: Path, monkeypatch):
    """Channels go, the test side is left alone, and the int8 model that was judged is packed."""
    from export import int8_models
    from export.pack import ExportOptions, build_bundle

    made = []

    def convert(*given):
        made.append(to_int8(*given))
        return made[-1]

    to_int8 = int8_models.to_int8
    monkeypatch.setattr(int8_models, "to_int8", convert)
    data, run = make_run(tmp_path, "silu")
    out = tmp_path / "small-0.1.0.lwb"
    options = ExportOptions(
        run=run, data=data, out=out, recipe="pruned-int8", ladder=QUICK,
        now_ns=time.perf_counter_ns, force=True,
    )  # fmt: skip
    exported = build_bundle(options, Steps())
    folder = ClimbFolder(run / QUICK.folder)
    (point,) = read_front(folder.front).points
    rung = folder.rung(point.name)
    facts = read_facts(rung)
    assert sum(facts.widths.values()) < sum(facts.full_widths.values())
    assert [one.step for one in facts.steps] == [
        f"{point.name}, {one}" for one in ("cut", "recover", "distil")
    ]
    whole = load_network(RunFolder(run).model_path, tmp_path / "log")
    assert facts.steps[0].macs <= 0.5 * count_macs(whole).macs
    assert has_swish(whole)
    assert not has_swish(load_network(rung.model_path, tmp_path / "log"))
    assert rung.read_json("metrics.json")["test"] is None
    assert open_archive(out).model == made[0]
    assert len(made) == 1
    assert {one.name for one in exported.card.parity.sets} == {"validation", "test"}


def test_a_quick_climb_that_was_killed_is_begun_anew(tmp_path: Path):
    """It keeps nothing on its way; what an earlier version kept there counts for nothing."""
    from export.slim.recipe import make_slim

    data, run = make_run(tmp_path)
    folder = ClimbFolder(run / QUICK.folder)
    with pytest.raises(KeyboardInterrupt):
        make_slim(run, data, QUICK, Steps(breaks_after=2), time.perf_counter_ns)
    assert not folder.work.exists()
    left = ClimbState(rungs=tuple(rung.name for rung in QUICK.rungs), tasks=3, taught=1)
    folder.keep(left, load_network(RunFolder(run).model_path, tmp_path / "log"))
    (point,) = make_slim(run, data, QUICK, Steps(), time.perf_counter_ns).points
    facts = read_facts(folder.rung(point.name))
    assert [one.step for one in facts.steps] == [
        f"{point.name}, {one}" for one in ("cut", "recover", "distil")
    ]
    assert sum(facts.widths.values()) < sum(facts.full_widths.values())


def test_a_quick_climb_checks_few_validation_pictures_of_each_label_alike(tmp_path: Path):
    """Where one is rare an even choice would have none of it, and no threshold could be found."""
    data, run = make_run(tmp_path)
    job = read_job(data, RunFolder(run))
    short = replace(QUICK, checked=6).shorten(job)
    assert sorted(one.label for one in short.split.validation) == ["bad"] * 3 + ["ok"] * 3
    assert set(short.split.validation) < set(job.split.validation)
    assert short.split.training == job.split.training
    assert FULL.shorten(job) is job
