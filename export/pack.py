"""Run the steps of an export in their order and write the archive."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from bundle.archive import MODEL, write_archive
from bundle.golden import make_golden
from bundle.manifest import Manifest
from bundle.prepare import Pixels, prepare_frame
from export.calibration import calibration_frames, choose_pictures
from export.card import Card, write_card
from export.convert import load_network, to_float_tflite
from export.describe import Models, describe_bundle, draft_manifest, parity_metrics
from export.errors import ExportError
from export.folds import Folds, read_folds
from export.golden_frames import golden_frames
from export.latency import measure_latency
from export.operators import check_quantized
from export.parity import (
    DEFAULT_BOUND,
    HeldOut,
    ParityReport,
    check_parity,
    defect_scores,
    refuse_beyond,
)
from export.pictures import VALIDATION, ExportPictures, PictureSet, sort_pictures
from export.quantize import to_int8
from export.quiet import begin_log, converter_output
from export.runtime import FlatbufferModel
from training.backend import start_backend
from training.config import TrainOptions
from training.networks.catalogue import find_network, network_names
from training.pictures import load_picture
from training.run_folder import RunCard, RunFolder
from training.threshold import choose_thresholds

LOG = "export.log"
RECIPES = ("int8",)


class Steps(Protocol):
    """Where the export says what it is doing."""

    def step(self, text: str, total: int | None = None) -> None:
        """Begin a step; with `total` it calls `advance` that many times."""
        ...

    def advance(self) -> None:
        """Say that one picture more is done."""
        ...


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to export, and how; `bound` is the drop of accuracy allowed, as a share of 1.

    With `now_ns`, a clock, latency is measured for the card, which then differs each time.
    `folds` are the runs of all folds of the split, for what new parts are to be expected to give.
    `escape_rate` is the share of defective validation pictures that may pass; without it the run's.
    """

    run: Path
    data: Path
    out: Path
    recipe: str = "int8"
    name: str | None = None
    version: str = "0.1.0"
    release: int = 1
    golden: Path | None = None
    note: str = ""
    force: bool = False
    bound: float = DEFAULT_BOUND
    now_ns: Callable[[], int] | None = None
    escape_rate: float | None = None
    max_escape_rate: float | None = None
    folds: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Exported:
    """A written bundle: its manifest, card and size in bytes."""

    manifest: Manifest
    card: Card
    size: int


@dataclass(frozen=True, slots=True)
class _Judges:
    """The two flatbuffers, loaded."""

    exact: FlatbufferModel
    int8: FlatbufferModel


def build_bundle(options: ExportOptions, steps: Steps) -> Exported:
    """Make a bundle of a finished run. Raises ExportError, TrainingError, BundleError.

    Nothing is written unless float and int8 agree within the bound, or `force` is set.
    """
    _check_options(options)
    folds = read_folds(options.folds) if options.folds else None
    folder = RunFolder(options.run)
    card = folder.read_card()
    draft = draft_manifest(
        card,
        name=options.name,
        version=options.version,
        release=options.release,
        recipe=options.recipe,
        note=options.note,
    )
    frames = golden_frames(options.golden, card.input)
    steps.step(f"Reading the pictures of {options.data}")
    pictures = sort_pictures(options.data, folder.read_pictures(), card.labels)
    if pictures.unreadable:
        count, first = len(pictures.unreadable), pictures.unreadable[0]
        steps.step(f"Skipping {count} that cannot be read, the first is {first}")
    models = _convert(folder, card, pictures, steps)
    with converter_output(folder.path / LOG):  # LiteRT greets from C++ at its first model
        judges = _Judges(*(FlatbufferModel(one, _threads()) for one in (models.exact, models.int8)))
    sets = _judge_sets(judges, pictures, draft, steps)
    draft = _with_own_thresholds(draft, sets, options, folder.read_options())
    parity = check_parity(
        sets, draft.defective_indices, draft.thresholds, draft.output, options.bound
    )
    if not options.force:
        refuse_beyond(parity)
    return _write(options, draft, models, parity, folds, frames)


def _check_options(options: ExportOptions) -> None:
    if options.recipe not in RECIPES:
        raise ExportError(f"there is no recipe {options.recipe!r}; there is {', '.join(RECIPES)}")
    if options.out.suffix != ".lwb":
        raise ExportError(f"a bundle's name ends in .lwb: --out {options.out.with_suffix('.lwb')}")
    if not options.out.parent.is_dir():
        raise ExportError(f"there is no folder {options.out.parent} to write the bundle to")


def _convert(folder: RunFolder, card: RunCard, pictures: ExportPictures, steps: Steps) -> Models:
    log = folder.path / LOG
    begin_log(log)
    steps.step("Loading TensorFlow and the run's model")
    start_backend()
    if card.network in network_names():
        find_network(card.network)  # makes its own layers known to Keras
    network = load_network(folder.model_path, log)
    run = folder.read_options()
    chosen = choose_pictures(pictures.training, run.seed)
    spec = card.input
    frames = calibration_frames(pictures.root, chosen, spec, run.augmentation, run.seed)
    steps.step("Converting to float TFLite")
    exact = to_float_tflite(network, spec, log)
    steps.step(f"Quantizing to int8 with {len(frames)} calibration pictures")
    int8 = to_int8(network, frames, spec, log)
    facts = check_quantized(int8, spec, len(card.labels))
    text = (
        f"{len(chosen)} training pictures, {len(frames) - len(chosen)} of them once more, varied "
        "as in training or stretched to the full range"
    )
    return Models(exact, int8, facts, text)


def _judge_sets(
    judges: _Judges, pictures: ExportPictures, draft: Manifest, steps: Steps
) -> list[HeldOut]:
    sets = []
    for one in pictures.held_out:
        steps.step(f"Comparing float and int8 on {one.name}", len(one.pictures))
        sets.append(_judge(one, pictures.root, draft, judges, steps))
    return sets


def _with_own_thresholds(
    draft: Manifest, sets: Sequence[HeldOut], options: ExportOptions, run: TrainOptions
) -> Manifest:
    """Choose the thresholds anew on the validation scores of the int8 model, which will judge.

    Those of the run were chosen on the float model: a defective part just above its threshold
    would lie just below after rounding. What the export does not wish for is as the run had it.
    """
    wanted, bound = options.escape_rate, options.max_escape_rate
    for one in sets:
        if one.name == VALIDATION and 0 < int(one.defective.sum()) < len(one.defective):
            scores = defect_scores(one.int8_logits, draft.defective_indices, draft.output)
            chosen = choose_thresholds(
                scores,
                one.defective,
                run.wanted_escape_rate if wanted is None else wanted,
                parts=one.parts,
                max_escape_rate=run.max_escape_rate if bound is None else bound,
            )
            return draft.model_copy(update={"thresholds": chosen})
    return draft


def _judge(
    one: PictureSet,
    root: Path,
    draft: Manifest,
    judges: _Judges,
    steps: Steps,
) -> HeldOut:
    float_logits, int8_logits = [], []
    for picture in one.pictures:
        prepared = prepare_frame(load_picture(root / picture.name), draft.input)
        float_logits.append(judges.exact.logits(prepared))
        int8_logits.append(judges.int8.logits(prepared))
        steps.advance()
    return HeldOut(
        name=one.name,
        remark=one.remark,
        pictures=[picture.name for picture in one.pictures],
        defective=np.array([picture.label in draft.defective for picture in one.pictures], bool),
        float_logits=np.array(float_logits, np.float32),
        int8_logits=np.array(int8_logits, np.float32),
        parts=None if one.parts is None else np.array(one.parts, np.int64),
    )


def _write(
    options: ExportOptions,
    draft: Manifest,
    models: Models,
    parity: ParityReport,
    folds: Folds | None,
    frames: list[Pixels],
) -> Exported:
    # One step and a hair: two float32 values that are one step apart may differ by more.
    tolerance = models.facts.output_scale * 1.001
    manifest = draft.model_copy(
        update={"golden_tolerance": tolerance, "metrics": parity_metrics(parity, models, folds)}
    )
    latency = None
    if options.now_ns is not None:
        latency = measure_latency(models.exact, models.int8, options.now_ns)
    card = describe_bundle(manifest, models, parity, latency, folds)
    contents = {
        MODEL: models.int8,
        **write_card(card),
        **make_golden(frames, FlatbufferModel(models.int8).logits, manifest.input),
    }
    written = write_archive(options.out, manifest, contents)
    return Exported(written, card, options.out.stat().st_size)


def _threads() -> int:
    return min(4, os.cpu_count() or 1)
