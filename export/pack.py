"""Run the steps of an export in their order and write the archive."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from bundle.archive import MODEL, write_archive
from bundle.camera_settings import CameraSettings
from bundle.golden import make_golden
from bundle.manifest import Manifest
from bundle.prepare import Pixels
from export.against import Side, Way, describe_way
from export.calibration import calibration_frames, choose_pictures
from export.camera_file import read_camera
from export.card import Card, write_card
from export.convert import load_network, to_float_tflite
from export.describe import Models, describe_bundle, draft_manifest, parity_metrics
from export.errors import ExportError
from export.folds import Folds, read_folds
from export.golden_frames import golden_frames
from export.int8_models import Int8Models
from export.judging import Judges, judge_sets, with_own_thresholds
from export.latency import measure_latency
from export.operators import check_quantized
from export.options import PRUNED, ExportOptions, fit_options
from export.parity import HeldOut, ParityReport, check_parity, refuse_beyond
from export.pictures import ExportPictures, sort_pictures
from export.quiet import begin_log, converter_output
from export.reference import line_reference
from export.runtime import FlatbufferModel
from export.slim.climb import read_facts
from export.slim.front import pick
from export.slim.recipe import make_slim
from export.steps import Steps
from training.backend import start_backend
from training.comparison.cost import count_macs
from training.networks.catalogue import find_network, network_names
from training.run_folder import RunCard, RunFolder

LOG = "export.log"
_FEW_MACS = 60_000_000


@dataclass(frozen=True, slots=True)
class Exported:
    """A written bundle: its manifest, card and size in bytes."""

    manifest: Manifest
    card: Card
    size: int


@dataclass(frozen=True, slots=True)
class _Converted:
    """A run's network as flatbuffers, and what they say of the held-out pictures."""

    folder: RunFolder
    run: RunCard
    draft: Manifest
    models: Models
    sets: list[HeldOut]
    pictures: ExportPictures


def build_bundle(options: ExportOptions, steps: Steps) -> Exported:
    """Make a bundle of a finished run. Raises ExportError, TrainingError, BundleError.

    Nothing is written unless float and int8 agree within the bound, or `force` is set.
    """
    source = RunFolder(options.run).read_card()
    options = fit_options(options, source)
    camera = None if options.camera is None else read_camera(options.camera, source.input)
    folds = read_folds(options.folds) if options.folds else None
    draft_manifest(source, options)  # what is wrong with it is known before a climb of hours
    frames = golden_frames(options.golden, source.input)
    chosen, int8_models = options, Int8Models()
    if options.recipe == PRUNED:
        chosen = replace(options, run=_slim_run(options, int8_models, steps))
        frames = golden_frames(options.golden, RunFolder(chosen.run).read_card().input)
    ours = _convert_run(chosen, int8_models, steps)
    parity = check_parity(
        ours.sets, ours.draft.defective_indices, ours.draft.thresholds, ours.draft.output,
        options.bound, _wanted_escapes(options, ours.folder),
    )  # fmt: skip
    if not options.force:
        refuse_beyond(parity)
    way = None
    if options.recipe == PRUNED and options.ladder.compared:
        way = _describe_way(options, ours, steps)
    reference = line_reference(ours.pictures, ours.sets, ours.draft, steps)
    ours = replace(ours, draft=ours.draft.model_copy(update={"reference": reference}))
    return _write(options, ours, parity, folds, way, frames, camera)


def _slim_run(options: ExportOptions, int8_models: Int8Models, steps: Steps) -> Path:
    """Prune the run's network, as far as that is not done yet, and choose one; its run folder."""
    front = make_slim(
        options.run, options.data, options.ladder, steps, _clock(options), int8_models,
        until=options.rung,
    )  # fmt: skip
    point = pick(
        front.points,
        max_latency_ms=options.max_latency_ms,
        min_accuracy=options.min_accuracy,
        rung=options.rung,
    )
    steps.step(
        f"Taking {point.name}: {point.p50_ms:.2f} ms, {point.accuracy:.2%} right at validation"
    )
    return (options.run / options.ladder.folder / point.model).parent


def _describe_way(options: ExportOptions, ours: _Converted, steps: Steps) -> Way:
    """Compare the pruned network with the one that it was made of."""
    full = _convert_run(replace(options, recipe="int8"), Int8Models(), steps)
    facts = read_facts(ours.folder)
    return describe_way(_side("full", full), _side(facts.rung, ours), facts.steps, _clock(options))


def _side(name: str, one: _Converted) -> Side:
    thresholds = one.run.thresholds or one.draft.thresholds
    models = one.models
    return Side(name, one.draft, models.exact, models.int8, models.macs, one.sets, thresholds)


def _clock(options: ExportOptions) -> Callable[[], int]:
    if options.now_ns is None:
        raise ExportError(f"recipe {PRUNED} measures times: it needs a clock")
    return options.now_ns


def _convert_run(options: ExportOptions, int8_models: Int8Models, steps: Steps) -> _Converted:
    folder = RunFolder(options.run)
    card = folder.read_card()
    draft = draft_manifest(card, options)
    steps.step(f"Reading the pictures of {options.data}")
    pictures = sort_pictures(options.data, folder.read_pictures(), card.labels)
    if pictures.unreadable:
        count, first = len(pictures.unreadable), pictures.unreadable[0]
        steps.step(f"Skipping {count} that cannot be read, the first is {first}")
    models = _convert(folder, card, pictures, options.ladder.calibrated, int8_models, steps)
    with converter_output(folder.path / LOG):  # LiteRT greets from C++ at its first model
        threads = _threads(models.macs)
        judges = Judges(*(FlatbufferModel(one, threads) for one in (models.exact, models.int8)))
    sets = judge_sets(judges, pictures, draft, steps)
    draft = with_own_thresholds(
        draft, sets, folder.read_options(), options.escape_rate, options.max_escape_rate
    )
    return _Converted(folder, card, draft, models, sets, pictures)


def _wanted_escapes(options: ExportOptions, run: RunFolder) -> float:
    """Return the share of defective pictures that the thresholds are chosen to let pass."""
    trained = run.read_options()
    wanted = (
        trained.wanted_escape_rate if options.escape_rate is None else options.escape_rate,
        trained.max_escape_rate if options.max_escape_rate is None else options.max_escape_rate,
    )
    return max(share for share in wanted if share is not None)


def _convert(
    folder: RunFolder,
    card: RunCard,
    pictures: ExportPictures,
    calibrated: int,
    int8_models: Int8Models,
    steps: Steps,
) -> Models:
    log = folder.path / LOG
    begin_log(log)
    steps.step("Loading TensorFlow and the run's model")
    start_backend()
    if card.network in network_names():
        find_network(card.network)  # makes its own layers known to Keras
    network = load_network(folder.model_path, log)
    run = folder.read_options()
    chosen = choose_pictures(pictures.training, run.seed, calibrated)
    spec = card.input
    frames = calibration_frames(pictures.root, chosen, spec, run.augmentation, run.seed)
    steps.step("Converting to float TFLite")
    exact = to_float_tflite(network, spec, log)
    steps.step(f"Quantizing to int8 with {len(frames)} calibration pictures")
    int8 = int8_models.make(folder.model_path, frames, spec, log, network)
    facts = check_quantized(int8, spec, len(card.labels))
    text = (
        f"{len(chosen)} training pictures, {len(frames) - len(chosen)} of them once more, varied "
        "as in training or stretched to the full range"
    )
    return Models(exact, int8, facts, text, count_macs(network).macs)


def _write(
    options: ExportOptions,
    ours: _Converted,
    parity: ParityReport,
    folds: Folds | None,
    way: Way | None,
    frames: list[Pixels],
    camera: CameraSettings | None,
) -> Exported:
    draft, models = ours.draft, ours.models
    # One step and a hair: two float32 values that are one step apart may differ by more.
    tolerance = models.facts.output_scale * 1.001
    manifest = draft.model_copy(
        update={
            "golden_tolerance": tolerance,
            "metrics": parity_metrics(parity, models, folds),
            "camera": camera,
        }
    )
    latency = None
    if options.now_ns is not None:
        latency = measure_latency(models.exact, models.int8, options.now_ns)
    card = describe_bundle(manifest, models, parity, latency, folds, way)
    contents = {
        MODEL: models.int8,
        **write_card(card),
        **make_golden(frames, FlatbufferModel(models.int8).logits, manifest.input),
    }
    written = write_archive(options.out, manifest, contents)
    return Exported(written, card, options.out.stat().st_size)


def _threads(macs: int) -> int:
    """Return on how many threads pictures are judged: to share out little work is more work."""
    return 1 if macs < _FEW_MACS else min(4, os.cpu_count() or 1)
