"""The split file: which picture shows which part, and on which side it stands."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bundle.manifest import Sha256, first_fault
from training.dataset import Index, Picture, Split
from training.errors import DataError

SplitSide = Literal["train", "validation", "test", "left_out"]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class SplitPicture(_Record):
    """A picture, the part that it shows and its side; `left_out` takes no part in anything."""

    name: str = Field(min_length=1)
    sha256: Sha256
    label: str
    part: int = Field(ge=0)
    side: SplitSide


class SplitFile(_Record):
    """A part-safe split: `fold` of `folds` whose test sides together cover every part once."""

    schema_version: int = Field(default=1, ge=1, le=1)
    seed: int
    fold: int = Field(default=1, ge=1)
    folds: int = Field(default=1, ge=1)
    pictures: tuple[SplitPicture, ...]

    def side(self, side: SplitSide) -> tuple[SplitPicture, ...]:
        """Return the pictures of one side."""
        return tuple(picture for picture in self.pictures if picture.side == side)

    @property
    def part_of(self) -> dict[str, int]:
        """Return the part of each picture's contents, by SHA-256."""
        return {picture.sha256: picture.part for picture in self.pictures}


def read_split(path: Path) -> SplitFile:
    """Read and check a split file.

    Raises DataError where it is no such file, names a picture twice, or has one part, or one
    picture's contents, on two sides.
    """
    try:
        split = SplitFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read the split file {path}: {error.strerror}") from error
    except ValidationError as error:
        raise DataError(f"{path} is no split file: {first_fault(error, 'the file')}") from error
    check_split(split, path)
    return split


def write_split(path: Path, split: SplitFile) -> None:
    """Write a split file. Raises DataError where it would be refused, or cannot be written."""
    check_split(split, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(split.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write the split file {path}: {error.strerror}") from error


def apply_split(index: Index, split: SplitFile) -> Split:
    """Return the indexed pictures by the side that a split file gives them.

    Pictures of the folder which the file does not name are left out. Raises DataError where the
    file names a picture that is missing, unreadable, or has other contents or another label.
    """
    return Split(
        training=_pick(index, split.side("train")),
        validation=_pick(index, split.side("validation")),
        held_out=_pick(index, split.side("left_out")),
        test=_pick(index, split.side("test")),
    )


def _pick(index: Index, wanted: tuple[SplitPicture, ...]) -> tuple[Picture, ...]:
    found = {picture.name: picture for picture in index.pictures}
    missing = [each.name for each in wanted if each.name not in found]
    if missing:
        shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        raise DataError(
            f"the split file names {len(missing)} pictures that {index.root} has not, or that "
            f"cannot be read: {shown}"
        )
    for each in wanted:
        picture = found[each.name]
        if (picture.sha256, picture.label) != (each.sha256, each.label):
            what = "contents" if picture.sha256 != each.sha256 else "label"
            raise DataError(
                f"{each.name} has another {what} than the split file says: it was written for "
                "other pictures; write a new one with linewarden audit --write-split"
            )
    return tuple(found[each.name] for each in wanted)


def check_split(split: SplitFile, path: Path) -> None:
    """Raise DataError unless each part, and each picture's contents, stands on one side only."""
    names = [picture.name for picture in split.pictures]
    twice = next((name for name in names if names.count(name) > 1), None) if _repeats(names) else ""
    if twice:
        raise DataError(f"{path} names {twice} twice")
    sides: dict[object, set[str]] = defaultdict(set)
    for picture in split.pictures:
        if picture.side != "left_out":
            sides[picture.part].add(picture.side)
            sides[picture.sha256].add(picture.side)
    for key, found in sides.items():
        if len(found) > 1:
            what = f"part {key}" if isinstance(key, int) else f"the picture with SHA-256 {key}"
            raise DataError(
                f"{path} has {what} on two sides ({', '.join(sorted(found))}): figures from such a "
                "split would flatter; write a new one with linewarden audit --write-split"
            )


def _repeats(names: list[str]) -> bool:
    return len(set(names)) != len(names)
