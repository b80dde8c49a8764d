"""What build_bundle promises, on a tiny run from end to end."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bundle.archive import open_archive, write_archive
from bundle.golden import EXPECTED, check_golden
from export.errors import ExportError
from export.options import ExportOptions
from export.pack import build_bundle
from export.runtime import FlatbufferModel
from export.slim.ladder import QUICK
from training.run_folder import RunFolder

pytestmark = [
    pytest.mark.train,
    # Keras 3.15 with NumPy 2.4 warns whenever it reads a variable.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


class Silent:
    """Keeps the names of the steps and how many pictures they counted."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.pictures = 0

    def step(self, text, total=None):
        self.steps.append(text)

    def advance(self):
        self.pictures += 1


@pytest.fixture(scope="session")
def exported(workshop, tmp_path_factory):
    """Return the options, the result and the steps of one export."""
    out = tmp_path_factory.mktemp("out") / "tiny-0.1.0.lwb"
    steps = Silent()
    options = ExportOptions(run=workshop.run, data=workshop.data, out=out, note="Drawn & <free>.")
    return options, build_bundle(options, steps), steps


def test_a_run_becomes_a_bundle_that_opens(exported):
    """The archive has a model, a card and golden frames, and its manifest says whose."""
    options, result, _ = exported
    archive = open_archive(options.out)
    assert archive.manifest == result.manifest
    assert archive.manifest.labels == ("bad", "ok")
    assert archive.manifest.data.note == "Drawn & <free>."
    assert {"model.tflite", "card.json", "card.html", EXPECTED} <= set(archive.contents)
    assert json.loads(archive.contents["card.json"])["parity"]["passed"] is True


def test_int8_agrees_with_float_on_held_out_pictures(exported):
    """Validation and test are compared, every picture once, and nothing is lost."""
    _, result, steps = exported
    parity = result.card.parity
    assert [one.name for one in parity.sets] == ["validation", "test"]
    assert steps.pictures == sum(one.pictures for one in parity.sets) == 16 + 24
    assert parity.passed
    assert all(one.float_accuracy.value > 0.9 for one in parity.sets)
    assert all(one.worst_shift < 0.2 for one in parity.sets)


def test_golden_frames_pass_here_and_altered_outputs_fail(exported, tmp_path):
    """The model gives the expected outputs; a model off by three steps is found out."""
    options, _, _ = exported
    archive = open_archive(options.out)
    infer = FlatbufferModel(archive.model).logits
    assert check_golden(archive, infer).passed
    step = archive.manifest.golden_tolerance

    def shifted(prepared):
        return infer(prepared) + np.float32(3 * step)

    assert not check_golden(archive, shifted).passed
    expected = np.array(json.loads(archive.contents[EXPECTED])) + 3 * step
    contents = {**archive.contents, EXPECTED: json.dumps(expected.tolist()).encode()}
    write_archive(tmp_path / "altered.lwb", archive.manifest, contents)
    assert not check_golden(open_archive(tmp_path / "altered.lwb"), infer).passed


def test_the_same_run_gives_the_same_bytes(exported, tmp_path):
    """Exporting again gives an archive that is equal to the byte."""
    options, _, _ = exported
    again = replace(options, out=tmp_path / "again.lwb")
    build_bundle(again, Silent())
    assert again.out.read_bytes() == options.out.read_bytes()


def test_a_model_that_loses_pictures_is_refused_unless_forced(exported, monkeypatch, tmp_path):
    """Beyond the bound nothing is written; forced, the card says what failed."""
    options, _, _ = exported
    _answer_wrongly(monkeypatch)
    out = tmp_path / "bad.lwb"
    with pytest.raises(ExportError, match="pictures more wrong"):
        build_bundle(replace(options, out=out), Silent())
    assert not out.exists()
    result = build_bundle(replace(options, out=out, force=True), Silent())
    assert not result.card.parity.passed
    assert b"Written by force" in open_archive(out).contents["card.html"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Not A Slug"}, "name"),
        ({"release": 0}, "release"),
        ({"recipe": "int4"}, "int4"),
        ({"rung": "192-at-4", "recipe": "pruned-int8"}, "no rung 192-at-4; there are 32-at-60"),
        ({"rung": "192-at-40"}, "no ladder .* add --recipe pruned-int8 for --rung"),
        ({"max_latency_ms": 3.0, "min_accuracy": 0.9}, "for --max-latency, --min-accuracy"),
        ({"ladder": QUICK, "batch": 8}, "for --batch, --quick"),
        ({"recipe": "pruned-int8", "name": "Not A Slug"}, "name"),
        ({"recipe": "pruned-int8", "golden": Path("no-such-folder")}, "golden"),
        ({"recipe": "pruned-int8", "max_latency_ms": 0.0}, "milliseconds above 0, not 0"),
        ({"recipe": "pruned-int8", "max_latency_ms": float("nan")}, "above 0, not nan"),
        ({"recipe": "pruned-int8", "min_accuracy": 0.0099}, "in percent: 0.99 .* write 99"),
        ({"max_escape_rate": 2.0}, "share between 0 and 1, not 2"),
        ({"out": Path("bundle.zip")}, ".lwb"),
        ({"out": Path("nowhere/at/all.lwb")}, "nowhere"),
        ({"golden": Path("no-such-folder")}, "golden"),
        ({"camera": Path("no-such.toml")}, "no-such.toml"),
    ],
)
def test_wrong_options_are_refused_before_any_work(exported, change, words):
    """What can be known to be wrong beforehand costs no conversion."""
    options, _, _ = exported
    steps = Silent()
    with pytest.raises(ExportError, match=words):
        build_bundle(replace(options, **change), steps)
    assert steps.steps == []


@pytest.mark.parametrize("recipe", ["int8", "pruned-int8"])
def test_an_unfinished_run_is_refused(exported, workshop, tmp_path, recipe):
    """A run without thresholds cannot judge, and is nothing to climb down from."""
    options, _, _ = exported
    whole, half = RunFolder(workshop.run), RunFolder(tmp_path / "half")
    card = whole.read_card().model_copy(update={"thresholds": None})
    half.begin(whole.read_options(), card, whole.read_pictures())
    steps = Silent()
    with pytest.raises(ExportError, match="not finished"):
        build_bundle(replace(options, run=half.path, recipe=recipe), steps)
    assert steps.steps == []


def _answer_wrongly(monkeypatch):
    """Let the int8 model, whose input is uint8, swap its two logits."""
    right = FlatbufferModel.logits

    def swapped(model, prepared):
        logits = right(model, prepared)
        return logits[::-1] if model._input["dtype"] == np.uint8 else logits

    monkeypatch.setattr(FlatbufferModel, "logits", swapped)
