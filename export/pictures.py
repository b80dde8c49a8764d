"""Which pictures of the data the run learned from, and which it did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from export.errors import CalibrationError
from training.dataset import Index, Picture, has_sides, read_index
from training.run_folder import ListedPicture, PictureLists

MIN_FOUND_SHARE = 0.9
VALIDATION = "validation"

_VALIDATION = (
    "Not learned from, but the run chose its best epoch and its thresholds by them. Whether they "
    "show parts that the run has learned from is unknown."
)
_SAFE_VALIDATION = (
    "No part of these was learned from, but the run chose its best epoch and its thresholds by "
    "them."
)
_SAFE_TEST = (
    "The run has seen no picture of these parts. They are one lot of few parts: another may differ."
)
_TEST = (
    "The run has seen none of these files. Whether they show parts that it has learned from is "
    "unknown, so this accuracy may be better than on new parts."
)


@dataclass(frozen=True, slots=True)
class PictureSet:
    """Held-out pictures with a name and a remark on how far they may be trusted."""

    name: str
    remark: str
    pictures: tuple[Picture, ...]
    parts: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class ExportPictures:
    """The pictures of a data folder by what the run did with them.

    `training_parts` are the parts of the training pictures; None where nobody knows them.
    """

    root: Path
    training: tuple[Picture, ...]
    held_out: tuple[PictureSet, ...]
    unreadable: tuple[str, ...]
    training_parts: tuple[int, ...] | None = None


def sort_pictures(root: Path, lists: PictureLists, labels: Sequence[str]) -> ExportPictures:
    """Index the data folder and sort its pictures by the run's lists, by content.

    Raises CalibrationError where this is not the data of the run, and DataError.
    """
    index = read_index(root, "all")
    if index.labels != tuple(labels):
        raise CalibrationError(
            f"{root} has the classes {', '.join(index.labels)}, the run has {', '.join(labels)}: "
            "give the data that the run was trained on"
        )
    if lists.split is not None:
        return _sort_by_split(index, lists)
    learned = frozenset(one.sha256 for one in lists.training)
    decided = frozenset(one.sha256 for one in lists.validation)
    sided = has_sides(root)
    tested = [one for one in index.pictures if sided and one.name.startswith("test/")]
    others = [one for one in index.pictures if not (sided and one.name.startswith("test/"))]
    training = tuple(one for one in others if one.sha256 in learned)
    _check_found(root, len({one.sha256 for one in training}), len(learned))
    validation = tuple(one for one in others if one.sha256 in decided - learned)
    unseen = tuple(one for one in tested if one.sha256 not in lists.seen)
    dropped = len(tested) - len(unseen)
    sets = (
        PictureSet(VALIDATION, _VALIDATION, validation),
        PictureSet("test", f"{_TEST} Left out as seen: {dropped}.", unseen),
    )
    held_out = tuple(one for one in sets if one.pictures)
    return ExportPictures(root, training, held_out, index.unreadable)


def _sort_by_split(index: Index, lists: PictureLists) -> ExportPictures:
    """Return the pictures by the sides of the split that the run was trained on."""
    part_of = lists.part_of

    def pick(listed: tuple[ListedPicture, ...]) -> tuple[Picture, ...]:
        wanted = {each.sha256 for each in listed}
        return tuple(one for one in index.pictures if one.sha256 in wanted)

    training = pick(lists.training)
    found = len({one.sha256 for one in training})
    _check_found(index.root, found, len({one.sha256 for one in lists.training}))
    sets = []
    for name, remark, listed in (
        (VALIDATION, _SAFE_VALIDATION, lists.validation),
        ("test", _SAFE_TEST, lists.test),
    ):
        pictures = pick(listed)
        if pictures:
            parts = tuple(part_of[one.sha256] for one in pictures)
            sets.append(PictureSet(name, remark, pictures, parts))
    learned = tuple(part_of[one.sha256] for one in training)
    return ExportPictures(index.root, training, tuple(sets), index.unreadable, learned)


def _check_found(root: Path, found: int, learned: int) -> None:
    if found < MIN_FOUND_SHARE * learned:
        raise CalibrationError(
            f"{root} holds only {found} of the {learned} pictures that the run has learned from: "
            "give the data that the run was trained on"
        )
