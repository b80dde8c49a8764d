"""Folders of pictures -> an index with content hashes; splits that keep duplicates together."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from training.errors import DataError
from training.pictures import decode_picture, is_picture_file

Side = Literal["train", "test", "all"]

MAX_UNREADABLE_SHARE = 0.01

_GOOD = re.compile(r"ok([._-].*)?|good|sound|pass(ed)?|io|free")
_DEFECTIVE = re.compile(r"def.*|bad|ng|nok|.*reject.*|.*defect.*|faulty|scrap")


@dataclass(frozen=True, slots=True)
class Picture:
    """One readable picture; `name` is relative to the data folder, with forward slashes."""

    name: str
    label: str
    sha256: str
    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Index:
    """The pictures of one side of a data folder, and the names of those that cannot be read."""

    root: Path
    labels: tuple[str, ...]
    pictures: tuple[Picture, ...]
    unreadable: tuple[str, ...]

    @property
    def fingerprint(self) -> str:
        """Return a SHA-256 over the names and contents of all pictures, in order of names."""
        return fingerprint(self.pictures)

    @property
    def frame_size(self) -> tuple[int, int]:
        """Return the most frequent (height, width)."""
        sizes = Counter((picture.height, picture.width) for picture in self.pictures)
        return min(sizes, key=lambda size: (-sizes[size], size))


@dataclass(frozen=True, slots=True)
class Split:
    """Pictures by their use; byte-identical ones are on one side.

    `held_out` are neither learned nor tested with. `test` is empty where a folder test/ has them.
    """

    training: tuple[Picture, ...]
    validation: tuple[Picture, ...]
    held_out: tuple[Picture, ...]
    test: tuple[Picture, ...] = ()


def read_index(root: Path, side: Side = "all") -> Index:
    """Read every picture of a side once: its hash, size and whether it can be decoded.

    `root` has train/ and test/ with a folder per class in each, or is itself a folder with one
    folder per class, which only has the side "all". Raises DataError.
    """
    classes = class_folders(root, side)
    labels = tuple(sorted(classes))
    pictures: list[Picture] = []
    unreadable: list[str] = []
    for label in labels:
        before = len(pictures)
        for path in _picture_files(classes[label]):
            name = path.relative_to(root).as_posix()
            picture = _read_picture(path, name, label)
            if picture is None:
                unreadable.append(name)
            else:
                pictures.append(picture)
        if len(pictures) == before:
            raise DataError(f"the class folder {label!r} in {root} holds no readable picture")
    _check_unreadable(root, len(pictures), unreadable)
    pictures.sort(key=lambda picture: picture.name)
    return Index(root, labels, tuple(pictures), tuple(unreadable))


def has_sides(root: Path) -> bool:
    """Tell whether a data folder is divided into train/ and test/."""
    return (root / "train").is_dir() or (root / "test").is_dir()


def label_slug(folder: str) -> str:
    """Return a class folder's name as a manifest may hold it."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", folder.strip().lower())
    return slug.lstrip("._-")[:64]


def guess_defective(labels: Sequence[str], named: str | None = None) -> tuple[str, ...]:
    """Return the labels that mean a defective part: those `named`, or known by their names.

    `named` is one label, or several with commas between them. By name they are known where they
    say so themselves, or where the others say that they are good. Raises DataError where none, or
    all of them, would be defective.
    """
    if named is not None:
        return _named_defective(labels, named)
    found = tuple(label for label in labels if _DEFECTIVE.fullmatch(label))
    if not found and any(_GOOD.fullmatch(label) for label in labels):
        found = tuple(label for label in labels if not _GOOD.fullmatch(label))
    if not found or len(found) == len(labels):
        raise DataError(
            f"cannot tell which of {', '.join(labels)} are the defective parts: "
            "name that class with --defective NAME, several with commas between them"
        )
    return found


def _named_defective(labels: Sequence[str], named: str) -> tuple[str, ...]:
    wanted = {label_slug(name) for name in named.split(",")}
    missing = sorted(wanted - set(labels))
    if missing:
        raise DataError(
            f"--defective {named}: no class {', '.join(missing)}; there are {', '.join(labels)}"
        )
    if wanted == set(labels):
        raise DataError(f"--defective {named}: then no class would be left for good parts")
    return tuple(label for label in labels if label in wanted)


def split_validation(
    pictures: Iterable[Picture], share: float, seed: int, kept_out: frozenset[str] = frozenset()
) -> Split:
    """Divide training pictures by content, in the same proportion for each label.

    A picture's place depends on its content and the seed alone, so adding others moves it little.
    Those whose hash is `kept_out` (they stand in test/ too) are neither learned nor decided by.
    """
    held_out: list[Picture] = []
    groups: dict[str, dict[str, list[Picture]]] = defaultdict(lambda: defaultdict(list))
    side_of: dict[str, str] = {}
    for picture in pictures:
        if picture.sha256 in kept_out:
            held_out.append(picture)
            continue
        label = side_of.setdefault(picture.sha256, picture.label)
        groups[label][picture.sha256].append(picture)
    training: list[Picture] = []
    validation: list[Picture] = []
    for label in sorted(groups):
        _divide(groups[label], share, seed, training, validation)
    return Split(_by_name(training), _by_name(validation), _by_name(held_out))


def fingerprint(pictures: Iterable[Picture]) -> str:
    """Return a SHA-256 over names and contents, whatever the order given."""
    lines = sorted(f"{picture.name}\0{picture.sha256}\n" for picture in pictures)
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def _divide(
    groups: dict[str, list[Picture]],
    share: float,
    seed: int,
    training: list[Picture],
    validation: list[Picture],
) -> None:
    wanted = share * sum(len(group) for group in groups.values())
    order = sorted(groups, key=lambda sha: hashlib.sha256(f"{seed}:{sha}".encode()).digest())
    taken = 0
    for place, sha in enumerate(order):
        # The last group is always learned from: a label without training pictures has no use.
        if taken < wanted and place < len(order) - 1:
            validation.extend(groups[sha])
            taken += len(groups[sha])
        else:
            training.extend(groups[sha])


def _by_name(pictures: list[Picture]) -> tuple[Picture, ...]:
    return tuple(sorted(pictures, key=lambda picture: picture.name))


def class_folders(root: Path, side: Side) -> dict[str, list[Path]]:
    """Return the folders of each class on a side. Raises DataError below two classes."""
    if not root.is_dir():
        raise DataError(f"there is no data folder {root}")
    if not has_sides(root):
        if side != "all":
            raise DataError(f"{root} has no {side}/ folder")
        tops = [root]
    else:
        tops = [root / name for name in ("train", "test") if side in (name, "all")]
        if side != "all" and not tops[0].is_dir():
            raise DataError(f"{root} has no {side}/ folder")
    folders: dict[str, list[Path]] = defaultdict(list)
    for top in tops:
        for path in sorted(top.iterdir()) if top.is_dir() else ():
            if path.is_dir() and label_slug(path.name):
                folders[label_slug(path.name)].append(path)
    if len(folders) < 2:
        found = next(iter(folders), "none")
        raise DataError(
            f"{root} needs a folder of pictures for each of two classes or more; found: {found}"
        )
    return folders


def _picture_files(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if is_picture_file(path) and path.is_file():
                yield path


def _read_picture(path: Path, name: str, label: str) -> Picture | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    frame = decode_picture(data)
    if frame is None or min(frame.shape[:2]) < 8:
        return None
    return Picture(name, label, hashlib.sha256(data).hexdigest(), frame.shape[0], frame.shape[1])


def _check_unreadable(root: Path, readable: int, unreadable: list[str]) -> None:
    total = readable + len(unreadable)
    if len(unreadable) > MAX_UNREADABLE_SHARE * total:
        shown = ", ".join(unreadable[:3]) + (", …" if len(unreadable) > 3 else "")
        raise DataError(
            f"{len(unreadable)} of {total} pictures in {root} cannot be read, more than "
            f"{MAX_UNREADABLE_SHARE:.0%}: {shown}"
        )
