"""What a run leaves on disk; written and read here only."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from bundle.manifest import DataFacts, InputSpec, Sha256, Thresholds, first_fault
from training.config import TrainOptions
from training.dataset import Picture, Split
from training.errors import RunError
from training.split_file import SplitFile

CONFIG, CARD, HISTORY = "config.json", "run.json", "history.json"
ENVIRONMENT, METRICS, PICTURES = "environment.json", "metrics.json", "pictures.json"
MODEL, STATE, PLOTS = "model.keras", "checkpoints/state.json", "plots"

_Model = TypeVar("_Model", bound=BaseModel)


class Record(BaseModel):
    """The ground rules of what stands in a run folder: strict, frozen, no unknown keys."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class RunCard(Record):
    """What anyone needs to use the run's model; `thresholds` come when the run is finished."""

    schema_version: int = Field(default=1, ge=1, le=1)
    network: str
    labels: tuple[str, ...]
    defective: tuple[str, ...]
    input: InputSpec
    data: DataFacts
    thresholds: Thresholds | None = None
    temperature: float = Field(default=1.0, gt=0.0)

    @property
    def defective_indices(self) -> tuple[int, ...]:
        """Return the positions of the labels that mean a defective part."""
        return tuple(i for i, label in enumerate(self.labels) if label in self.defective)


class ListedPicture(Record):
    """A picture by its name, relative to the data folder, its contents and, if known, its part."""

    name: str
    sha256: Sha256
    part: int | None = None


class SplitFacts(Record):
    """Where a part-safe split comes from: fold `fold` of `folds`, drawn with `seed`."""

    seed: int
    fold: int
    folds: int


class PictureLists(Record):
    """Which pictures were learned, which decided, and which were left out and why."""

    training: tuple[ListedPicture, ...]
    validation: tuple[ListedPicture, ...]
    also_in_test: tuple[ListedPicture, ...]
    unreadable: tuple[str, ...]
    test: tuple[ListedPicture, ...] = ()
    left_out: tuple[ListedPicture, ...] = ()
    split: SplitFacts | None = None

    @property
    def part_of(self) -> dict[str, int]:
        """Return the part of each picture's contents, by SHA-256, as far as parts are known."""
        every = (*self.training, *self.validation, *self.test)
        return {each.sha256: each.part for each in every if each.part is not None}

    @property
    def seen(self) -> frozenset[str]:
        """Return the hashes of all pictures that took part in the training."""
        return frozenset(picture.sha256 for picture in (*self.training, *self.validation))


class EpochRecord(Record):
    """One line of the history."""

    epoch: int
    phase: str
    size: int
    learning_rate: float
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    pictures_per_s: float
    duration_s: float


class FitState(Record):
    """Where the training stands: what a killed run goes on from."""

    phase: int = 0
    phase_epochs: int = 0
    epochs: int = 0
    checkpoint: str | None = None
    best_val_loss: float | None = None
    stale: int = 0
    finished: bool = False


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run on disk. Every file is replaced whole, so a kill at any moment leaves a usable one."""

    path: Path

    def refuse_other(self) -> None:
        """Raise RunError where a new run would overwrite what another one has learned."""
        if any((self.path / name).exists() for name in (STATE, MODEL)):
            raise RunError(
                f"{self.path} holds a run already: add --resume to go on with it, "
                "or choose another --out"
            )
        if self.path.exists() and not self.path.is_dir():
            raise RunError(f"{self.path} is a file; --out names a folder")

    def begin(self, options: TrainOptions, card: RunCard, pictures: PictureLists) -> None:
        """Make a new run folder; the options come last, since they make it one."""
        self._write(PICTURES, _json(pictures))
        self._write(CARD, _json(card))
        self._write(CONFIG, _json(options))

    def read_options(self) -> TrainOptions:
        """Return the options that the run was begun with."""
        return self._read(CONFIG, TrainOptions)

    def read_card(self) -> RunCard:
        """Return what the model of this run takes and gives."""
        return self._read(CARD, RunCard)

    def write_card(self, card: RunCard) -> None:
        """Replace the card."""
        self._write(CARD, _json(card))

    def read_pictures(self) -> PictureLists:
        """Return the lists of the pictures that were used."""
        return self._read(PICTURES, PictureLists)

    def read_state(self) -> FitState:
        """Return where the training stands; the beginning where nothing is kept yet."""
        return self._read(STATE, FitState) if (self.path / STATE).exists() else FitState()

    def write_state(self, state: FitState) -> None:
        """Replace the state, then drop the checkpoints that it no longer names."""
        self._write(STATE, _json(state))
        for path in (self.path / STATE).parent.glob("*.keras"):
            if path.name != state.checkpoint:
                path.unlink(missing_ok=True)

    def checkpoint_path(self, name: str) -> Path:
        """Return where a checkpoint of this name lies."""
        return (self.path / STATE).parent / name

    def read_history(self) -> tuple[EpochRecord, ...]:
        """Return the epochs so far."""
        if not (self.path / HISTORY).exists():
            return ()
        try:
            text = (self.path / HISTORY).read_bytes()
            return TypeAdapter(tuple[EpochRecord, ...]).validate_json(text)
        except ValidationError as error:
            raise RunError(f"{self.path / HISTORY} is wrong: {first_fault(error)}") from error
        except OSError as error:
            raise RunError(f"cannot read {self.path / HISTORY}: {error.strerror}") from error

    def write_history(self, history: Sequence[EpochRecord]) -> None:
        """Replace the history."""
        self.write_json(HISTORY, [record.model_dump(mode="json") for record in history])

    def write_json(self, name: str, content: Any) -> None:
        """Write any other JSON file of the run."""
        text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n"
        self._write(name, text.encode("utf-8"))

    def read_json(self, name: str) -> Any:
        """Return a JSON file of the run as it is, or None where there is none."""
        path = self.path / name
        try:
            return json.loads(path.read_bytes()) if path.exists() else None
        except (OSError, ValueError) as error:
            raise RunError(f"cannot read {path}: {error}") from error

    def write_plot(self, name: str, png: bytes) -> None:
        """Write a plot."""
        self._write(f"{PLOTS}/{name}", png)

    def save_model(self, model: Any, path: Path) -> None:
        """Save a Keras model durably as `path`, which ends in .keras."""
        temporary = path.with_name(f"part-{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            model.save(temporary)
            _replace(temporary, path)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror}") from error

    @property
    def model_path(self) -> Path:
        """Return where the model lies that the run stands for."""
        return self.path / MODEL

    def _read(self, name: str, kind: type[_Model]) -> _Model:
        path = self.path / name
        try:
            return kind.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise RunError(f"{self.path} is no run folder: it lacks {name}") from error
        except OSError as error:
            raise RunError(f"cannot read {path}: {error.strerror}") from error
        except ValidationError as error:
            raise RunError(f"{path} is wrong: {first_fault(error)}") from error

    def _write(self, name: str, content: bytes) -> None:
        path = self.path / name
        temporary = path.with_name(f"part-{path.name}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(content)
            _replace(temporary, path)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror}") from error


def list_pictures(
    split: Split, unreadable: Sequence[str], origin: SplitFile | None = None
) -> PictureLists:
    """Return a split as a run folder keeps it; `origin` is the split file that it came from."""
    parts = {} if origin is None else origin.part_of

    def listed(pictures: Sequence[Picture]) -> tuple[ListedPicture, ...]:
        return tuple(
            ListedPicture(name=each.name, sha256=each.sha256, part=parts.get(each.sha256))
            for each in pictures
        )

    facts = None
    if origin is not None:
        facts = SplitFacts(seed=origin.seed, fold=origin.fold, folds=origin.folds)
    return PictureLists(
        training=listed(split.training),
        validation=listed(split.validation),
        also_in_test=listed(split.held_out if origin is None else ()),
        unreadable=tuple(unreadable),
        test=listed(split.test),
        left_out=listed(() if origin is None else split.held_out),
        split=facts,
    )


def _json(record: BaseModel) -> bytes:
    return (record.model_dump_json(indent=1) + "\n").encode("utf-8")


def _replace(temporary: Path, path: Path) -> None:
    """Put a finished file in its place so that a power cut leaves the old or the new one."""
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
