"""The figures on a card are those of the bundle, as an independent few lines recompute them."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from math import prod
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from bundle.manifest import InputSpec
from bundle.prepare import prepare_frame
from training.config import TrainOptions
from training.dataset import read_index, split_validation
from training.run_folder import ListedPicture, PictureLists, RunFolder, SplitFacts

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

SIDES = ("validation", "test")


@dataclass(frozen=True, slots=True)
class Side:
    """Held-out pictures: which are defective, of which parts, and the scores of the model."""

    bad: NDArray[np.bool_]
    parts: NDArray[np.int64]
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Opened:
    """What lies in a bundle, and what its model says of the held-out pictures of its run."""

    model: bytes
    card: dict[str, Any]
    page: str
    manifest: dict[str, Any]
    sides: dict[str, Side]

    def stated(self, name: str) -> dict[str, Any]:
        """Return what the card says of one side."""
        return next(one for one in self.card["parity"]["sets"] if one["name"] == name)

    def passes(self, name: str) -> NDArray[np.bool_]:
        """Tell which pictures of a side a line would let through."""
        return self.sides[name].scores < self.manifest["thresholds"]["recheck_at"]


@pytest.fixture(scope="module")
def opened(workshop, tmp_path_factory):
    """Return the bundle of a run that errs, judged anew from nothing but the file."""
    root = tmp_path_factory.mktemp("figures")
    data, run, out = root / "data", root / "run", root / "errs-0.1.0.lwb"
    _fade_pictures(workshop.data, data)
    _list_run(workshop, data, RunFolder(run))
    _export(run, data, out)
    with zipfile.ZipFile(out) as bundle:
        model, page = bundle.read("model.tflite"), bundle.read("card.html").decode()
        card, manifest = (json.loads(bundle.read(f"{name}.json")) for name in ("card", "manifest"))
    listed = json.loads((run / "pictures.json").read_bytes())
    sides = {name: _judge(model, manifest, data, listed[name]) for name in SIDES}
    return Opened(model, card, page, manifest, sides)


@pytest.mark.parametrize("name", SIDES)
def test_the_accuracy_is_that_of_the_model_in_the_bundle(opened, name):
    """Right answers at a score of one half, in the card, on its page and in the manifest."""
    side = opened.sides[name]
    right, total = int(((side.scores >= 0.5) == side.bad).sum()), len(side.bad)
    assert total / 2 < right < total  # else it would say nothing
    stated = opened.stated(name)
    assert (stated["pictures"], stated["defective"]) == (total, side.bad.sum())
    _assert_share(stated["int8_accuracy"], right, total)
    assert opened.manifest["metrics"][f"{name}_int8_accuracy"] == right / total
    row = f"accuracy, int8</th><td>{right / total:.2%} ({right} of {total};"
    assert row in _section(opened, name)


@pytest.mark.parametrize("name", SIDES)
def test_the_escapes_are_what_passes_at_the_thresholds_of_the_manifest(opened, name):
    """Below the band of rechecks, not below the rejects or one half."""
    side = opened.sides[name]
    escapes, total = int((opened.passes(name) & side.bad).sum()), int(side.bad.sum())
    assert 0 < escapes < total
    _assert_share(opened.stated(name)["int8_escapes"], escapes, total)
    assert opened.manifest["metrics"][f"{name}_int8_escapes"] == escapes / total
    row = f"defective ones passed, int8</th><td>{escapes / total:.2%} ({escapes} of {total};"
    assert row in _section(opened, name)


@pytest.mark.parametrize("name", SIDES)
def test_a_part_escapes_with_any_of_its_pictures(opened, name):
    """Counted by part there are fewer of everything."""
    side = opened.sides[name]
    escaped = set(side.parts[opened.passes(name) & side.bad].tolist())
    figures = opened.stated(name)["by_part"]["figures"]
    assert 0 < len(escaped) < len(set(side.parts[side.bad].tolist())) < side.bad.sum()
    assert figures["defective_parts"] == len(set(side.parts[side.bad].tolist()))
    assert figures["good_parts"] == len(set(side.parts[~side.bad].tolist()))
    assert figures["escaped_parts"] == len(escaped)
    assert opened.manifest["metrics"][f"{name}_escaped_parts"] == len(escaped)


def test_no_figure_here_could_be_taken_for_another(opened):
    """Or the promises above would hold of a card that mixes them up."""
    stated = [opened.stated(name) for name in SIDES]
    apart = []
    for figure in ("accuracy", "escapes"):
        exact, rounded = (
            [one[f"{kind}_{figure}"]["count"] for one in stated] for kind in ("float", "int8")
        )
        apart.append(exact != rounded)
    stopped = np.concatenate(
        [side.scores[side.bad & ~opened.passes(name)] for name, side in opened.sides.items()]
    )
    reject_at = opened.manifest["thresholds"]["reject_at"]
    apart.append(bool((stopped < reject_at).any()))
    apart.append(bool(((stopped >= reject_at) & (stopped < 0.5)).any()))
    if not all(apart):
        pytest.skip("skipped: what this machine's processor taught the network tells less apart")


def test_size_thresholds_and_work_are_those_of_the_model_in_the_bundle(opened):
    """Bytes as they lie in the archive, multiplications as its own operators' shapes have them."""
    card, manifest = opened.card, opened.manifest
    assert card["int8_bytes"] == len(opened.model) == manifest["metrics"]["int8_bytes"]
    assert card["int8_bytes"] < card["float_bytes"]
    assert f"<td>{len(opened.model):,} bytes;" in opened.page
    for name in ("recheck_at", "reject_at"):
        assert card[name] == manifest["thresholds"][name]
    assert 0 < card["recheck_at"] < card["reject_at"]
    # 3 x 3 kernels on every second place of 32 x 32, then of 16 x 16; then two labels.
    assert card["macs"] == _count_macs(opened.model) == 16**2 * 9 * 8 + 8**2 * 9 * 8 * 8 + 8 * 2


def _assert_share(stated, count, total):
    assert (stated["count"], stated["total"], stated["value"]) == (count, total, count / total)


def _section(opened, name):
    """Return what the card's page says of one side."""
    return opened.page.partition(f"<h3>{name}</h3>")[2].partition("</table>")[0]


def _judge(model, manifest, data, listed):
    """Return what the model says of pictures, read, resized and scored as the manifest has it."""
    interpreter = _open(model)
    given, said = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = (np.float32(value) for value in said["quantization"])
    spec, temperature = InputSpec(**manifest["input"]), manifest["output"]["temperature"]
    chances = []
    for one in listed:
        frame = cv2.imread(str(data / one["name"]), cv2.IMREAD_UNCHANGED)
        interpreter.set_tensor(given["index"], prepare_frame(frame, spec)[np.newaxis])
        interpreter.invoke()
        logits = (interpreter.get_tensor(said["index"])[0].astype(np.float32) - zero) * scale
        powers = np.exp((logits - logits.max()).astype(float) / temperature)
        chances.append(powers / powers.sum())
    defective = [label in manifest["defective"] for label in manifest["labels"]]
    return Side(
        bad=np.array([one["name"].split("/")[-2] in manifest["defective"] for one in listed]),
        parts=np.array([one["part"] for one in listed]),
        scores=np.array(chances)[:, defective].sum(axis=1),
    )


def _count_macs(model):
    """Return the multiplications of its convolutions and its dense layer, from their tensors."""
    interpreter = _open(model)
    shapes = {one["index"]: one["shape"].tolist() for one in interpreter.get_tensor_details()}
    return sum(
        prod(shapes[one["outputs"][0]][1:-1]) * prod(shapes[one["inputs"][1]])
        for one in interpreter._get_ops_details()
        if one["op_name"] in {"CONV_2D", "FULLY_CONNECTED"}
    )


def _open(model):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    return interpreter


def _fade_pictures(source, target):
    """Write the pictures anew: holes fade from part to part, and good parts get some of one."""
    for side in ("train", "test"):
        bad, good = (sorted((source / side / label).iterdir()) for label in ("bad", "ok"))
        for share, *pair in zip(np.linspace(0.1, 1.0, len(bad)), bad, good, strict=True):
            holed, whole = (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in pair)
            for path, depth in zip(pair, (share, 0.4 * share), strict=True):
                faded = cv2.addWeighted(holed, depth, whole, 1.0 - depth, 0.0)
                place = target / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(place), faded)


def _list_run(workshop, data, folder):
    """Write a run of the workshop's network, logits raised, with two pictures of each part."""
    keras = pytest.importorskip("keras")
    split = split_validation(read_index(data, "train").pictures, 0.4, 0)
    lists = PictureLists(
        training=_listed(split.training, 0),
        validation=_listed(split.validation, 1000),
        test=_listed(read_index(data, "test").pictures, 2000),
        also_in_test=(),
        unreadable=(),
        split=SplitFacts(seed=0, fold=0, folds=5),
    )
    network = keras.models.clone_model(workshop.network)
    network.set_weights(workshop.network.get_weights())
    kernel, bias = network.layers[-1].get_weights()
    # What both logits have in common changes no score, but int8 has coarse steps for it.
    network.layers[-1].set_weights([kernel, bias + np.float32(240.0)])
    card = RunFolder(workshop.run).read_card().model_copy(update={"temperature": 1.5})
    folder.begin(TrainOptions(size=32), card, lists)
    folder.save_model(network, folder.model_path)


def _listed(pictures, first_part):
    """Return pictures as a run lists them, the next two of a label being of one part."""
    listed = []
    for place, label in enumerate(("bad", "ok")):
        ours = [one for one in pictures if one.label == label]
        listed += [
            ListedPicture(
                name=one.name, sha256=one.sha256, part=first_part + 500 * place + number // 2
            )
            for number, one in enumerate(ours)
        ]
    return tuple(listed)


def _export(run, data, out):
    from export.pack import ExportOptions, build_bundle

    class Silent:
        def step(self, text, total=None):
            """Say nothing."""

        def advance(self):
            """Count nothing."""

    # By force: what matters here is what a card says, not whether the model is good.
    build_bundle(ExportOptions(run=run, data=data, out=out, escape_rate=0.5, force=True), Silent())
