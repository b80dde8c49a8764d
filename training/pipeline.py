"""From a data folder to a finished run: index, split, fit, thresholds, figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bundle.manifest import DataFacts, InputSpec
from training.config import Phase, TrainOptions, parse_options, spread_epochs
from training.dataset import (
    Index,
    Picture,
    Split,
    guess_defective,
    has_sides,
    read_index,
    split_validation,
)
from training.environment import describe_environment
from training.errors import DataError, OptionError, RunError
from training.fit import Job
from training.networks.catalogue import find_network
from training.precision import choose_precision
from training.run_folder import (
    ENVIRONMENT,
    ListedPicture,
    RunCard,
    RunFolder,
    list_pictures,
)
from training.split_file import SplitFile, apply_split


def plan_options(
    options: TrainOptions, epochs: int | None, *, from_scratch: bool = False
) -> TrainOptions:
    """Return options with their recipe written out, that of the network where they have none.

    What was not set is as the network likes it. A recipe supposes the initial weights that the
    network can load; `from_scratch` has it learn everything, batch statistics included: frozen at
    their beginnings they would let no signal through.
    """
    network = find_network(options.model)
    options = _network_defaults(options, {"size": network.size, **network.defaults})
    phases: tuple[Phase, ...] = options.phases or network.recipe
    if from_scratch and network.load_weights is not None and not options.phases:
        everything = {"trained": "all", "batch_norm": "trained"}
        phases = tuple(phase.model_copy(update=everything) for phase in phases)
    if epochs is not None:
        phases = spread_epochs(phases, epochs)
    precision = choose_precision(options.precision)
    return options.model_copy(update={"phases": phases, "precision": precision})


def _network_defaults(options: TrainOptions, defaults: Mapping[str, object]) -> TrainOptions:
    chosen = options.model_dump(include=set(options.model_fields_set))
    return parse_options({**defaults, **chosen})


def begin_run(
    root: Path,
    folder: RunFolder,
    options: TrainOptions,
    weights: str | None,
    split_file: SplitFile | None = None,
) -> Job:
    """Index the data, split it and make the run folder. Raises DataError or RunError."""
    folder.refuse_other()
    index, split = _split(root, options, split_file)
    lists = list_pictures(split, index.unreadable, split_file)
    folder.begin(options, _card(index, options), lists)
    folder.write_json(ENVIRONMENT, describe_environment())
    return _job(index, split, options, weights, lists.part_of)


def resume_run(root: Path, folder: RunFolder, given: Mapping[str, Any], weights: str | None) -> Job:
    """Return the job of a run that was begun before, with the options it was begun with.

    Raises OptionError where an option is `given` and differs, RunError for other pictures.
    """
    _check_given(folder.read_options(), given)
    job = read_job(root, folder, weights)
    folder.write_json(ENVIRONMENT, describe_environment())
    return job


def read_job(root: Path, folder: RunFolder, weights: str | None = None) -> Job:
    """Return what a run was made of, and change nothing. Raises RunError for other pictures."""
    options = folder.read_options()
    index, split = _resume_split(root, options, folder)
    if folder.read_card().data.fingerprint != index.fingerprint:
        raise RunError(
            f"{folder.path} was begun with other pictures than those in {root}; they must be the "
            "very same to go on"
        )
    return _job(index, split, options, weights, folder.read_pictures().part_of)


def _resume_split(root: Path, options: TrainOptions, folder: RunFolder) -> tuple[Index, Split]:
    """Return the very split that a run was begun with."""
    lists = folder.read_pictures()
    if lists.split is None:
        return _split(root, options)
    index = read_index(root, "all")
    found = {(picture.name, picture.sha256): picture for picture in index.pictures}

    def pick(listed: tuple[ListedPicture, ...]) -> tuple[Picture, ...]:
        missing = next((x.name for x in listed if (x.name, x.sha256) not in found), None)
        if missing is not None:
            raise RunError(f"{missing} is not in {root} as it was when {folder.path} was begun")
        return tuple(found[(each.name, each.sha256)] for each in listed)

    sides = (lists.training, lists.validation, lists.left_out, lists.test)
    return index, Split(*(pick(side) for side in sides))


def _split(
    root: Path, options: TrainOptions, split_file: SplitFile | None = None
) -> tuple[Index, Split]:
    """Return the pictures to learn from and their uses; twins of test pictures are held out."""
    if split_file is not None:
        whole = read_index(root, "all")
        safe = apply_split(whole, split_file)
        for pictures in (safe.training, safe.validation):
            _check_labels(whole, pictures)
        return whole, safe
    sides = has_sides(root)
    index = read_index(root, "train" if sides else "all")
    kept_out: frozenset[str] = frozenset()
    if sides and (root / "test").is_dir():
        tested = read_index(root, "test")
        if tested.labels != index.labels:
            raise DataError(f"train/ and test/ in {root} have different class folders")
        kept_out = frozenset(picture.sha256 for picture in tested.pictures)
    split = split_validation(index.pictures, options.validation_share, options.seed, kept_out)
    for pictures in (split.training, split.validation):
        _check_labels(index, pictures)
    return index, split


def _check_labels(index: Index, pictures: tuple[Picture, ...]) -> None:
    if {picture.label for picture in pictures} != set(index.labels):
        raise DataError(
            f"{index.root} has too few pictures: each class needs some to learn from and some to "
            "validate with that do not stand in test/ as well"
        )


def _card(index: Index, options: TrainOptions) -> RunCard:
    return RunCard(
        network=options.model,
        labels=index.labels,
        defective=guess_defective(index.labels, options.defective),
        input=_input(index, options),
        data=DataFacts(fingerprint=index.fingerprint, pictures=len(index.pictures)),
    )


def _input(index: Index, options: TrainOptions) -> InputSpec:
    height, width = index.frame_size
    size = options.size
    return InputSpec(height=size, width=size, frame_height=height, frame_width=width)


def _job(
    index: Index,
    split: Split,
    options: TrainOptions,
    weights: str | None,
    part_of: Mapping[str, int],
) -> Job:
    spec = _input(index, options)
    defective = guess_defective(index.labels, options.defective)
    return Job(
        options, options.phases, index.root, split, spec, index.labels, weights, part_of, defective
    )


def _check_given(options: TrainOptions, given: Mapping[str, Any]) -> None:
    kept = options.model_dump()
    kept["epochs"] = sum(phase.epochs for phase in options.phases)
    for name, asked in given.items():
        # Of a section some keys may be asked for only.
        value = {**kept[name], **asked} if isinstance(asked, Mapping) else asked
        if value is not None and value != kept[name]:
            raise OptionError(
                f"the run was begun with {name} {kept[name]}, not {value}: leave that option out, "
                "or begin another run"
            )
