"""Puts drawn castings beside real ones, on the training side of a split only.

    python scripts/add_drawn.py DATA SPLIT.json DRAWN OUT

OUT gets both folders' pictures as links and a `split.json`. The drawn pictures of a label count as
as many parts as the real ones, so that an epoch that weighs parts alike shows as many of each.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from training.split_file import SplitFile, SplitPicture, read_split


def main(data: Path, split: Path, drawn: Path, out: Path) -> None:
    """Write the folder OUT."""
    given = read_split(split)
    for picture in given.pictures:
        _link(data / picture.name, out / picture.name)
    pictures = list(given.pictures)
    next_part = 1 + max(picture.part for picture in pictures)
    for label in sorted({picture.label for picture in given.pictures}):
        parts = len({one.part for one in given.side("train") if one.label == label})
        for number, path in enumerate(sorted((drawn / "train" / label).iterdir())):
            name = f"train/{label}/drawn-{path.name}"
            _link(path, out / name)
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
            part = next_part + number % parts
            pictures.append(
                SplitPicture(name=name, sha256=sha256, label=label, part=part, side="train")
            )
        next_part += parts
    mixed = given.model_copy(update={"pictures": tuple(pictures)})
    (out / "split.json").write_text(SplitFile.model_dump_json(mixed, indent=1))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source.resolve())


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*(Path(argument) for argument in sys.argv[1:]))
