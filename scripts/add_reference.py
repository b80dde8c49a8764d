"""Puts into a bundle how good parts look, where it was exported before that was done.

    python scripts/add_reference.py BUNDLE DATA SPLIT.json OUT VERSION

SPLIT is the split file that the model was trained with. Where DATA is drawn, so that every picture
shows a part of its own, it is `-`: test/ was not learned from then. The scores of the test side
must be right as often as the manifest says, else it is other data. Model and golden frames stay
byte for byte; version and release are raised, a signature goes: sign it again.
"""

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path

import numpy as np

from bundle.archive import Archive, open_archive, write_archive
from bundle.manifest import Manifest
from bundle.prepare import prepare_frame
from export.parity import HeldOut, defect_scores
from export.pictures import ExportPictures, PictureSet
from export.reference import line_reference, reference_text
from export.runtime import FlatbufferModel
from export.steps import Steps
from training.dataset import Picture, read_index
from training.pictures import load_picture
from training.split_file import read_split

CARD, PAGE = "card.json", "card.html"


class Quiet:
    """Says the steps only."""

    def step(self, text: str, total: int | None = None) -> None:
        """Print a step."""
        sys.stdout.write(f"{text}{f' ({total})' if total else ''}\n")

    def advance(self) -> None:
        """Say nothing of a single picture."""


def main(bundle: Path, data: Path, split: str, out: Path, version: str) -> None:
    """Write the bundle OUT."""
    archive, steps = open_archive(bundle), Quiet()
    pictures = drawn_pictures(data) if split == "-" else sorted_pictures(data, Path(split))
    sets = [judge(one, archive, data, steps) for one in pictures.held_out]
    check_accuracy(sets, archive.manifest)
    reference = line_reference(pictures, sets, archive.manifest, steps)
    manifest = archive.manifest.model_copy(
        update={
            "reference": reference,
            "version": version,
            "release": archive.manifest.release + 1,
        }
    )
    text = reference_text(reference)
    contents = dict(archive.contents)
    contents[CARD] = new_card(contents[CARD], manifest, text)
    contents[PAGE] = new_page(contents[PAGE].decode(), archive.manifest, manifest, text)
    written = write_archive(out, manifest, contents)
    sys.stdout.write(f"{written.name}-{written.version}: {text}\nwrote {out}\n")


def sorted_pictures(data: Path, split: Path) -> ExportPictures:
    """Return the pictures by the sides of a split file."""
    index, file = read_index(data, "all"), read_split(split)
    sides = {one.sha256: one.side for one in file.pictures}

    def side(name: str) -> tuple[tuple[Picture, ...], tuple[int, ...]]:
        found = tuple(one for one in index.pictures if sides.get(one.sha256) == name)
        return found, tuple(file.part_of[one.sha256] for one in found)

    held_out = tuple(PictureSet(name, "", *side(name)) for name in ("validation", "test"))
    learned, parts = side("train")
    return ExportPictures(data, learned, held_out, (), parts)


def drawn_pictures(data: Path) -> ExportPictures:
    """Return pictures that each show a part of their own, by their folders."""
    index = read_index(data, "all")
    numbers = {one.name: number for number, one in enumerate(index.pictures)}
    tested = tuple(one for one in index.pictures if one.name.startswith("test/"))
    learned = tuple(one for one in index.pictures if not one.name.startswith("test/"))
    test = PictureSet("test", "", tested, tuple(numbers[one.name] for one in tested))
    parts = tuple(numbers[one.name] for one in learned)
    return ExportPictures(data, learned, (test,), (), parts)


def judge(one: PictureSet, archive: Archive, root: Path, steps: Steps) -> HeldOut:
    """Return what the bundle's int8 model says of a set; there is no float model any more."""
    steps.step(f"Judging {one.name}", len(one.pictures))
    manifest, model = archive.manifest, FlatbufferModel(archive.model, 1)
    logits = np.array(
        [
            model.logits(prepare_frame(load_picture(root / each.name), manifest.input))
            for each in one.pictures
        ],
        np.float32,
    )
    return HeldOut(
        name=one.name,
        remark=one.remark,
        pictures=[each.name for each in one.pictures],
        defective=np.array([each.label in manifest.defective for each in one.pictures], bool),
        float_logits=logits,
        int8_logits=logits,
        parts=np.array(one.parts, np.int64),
    )


def check_accuracy(sets: list[HeldOut], manifest: Manifest) -> None:
    """End where the sets are not those of the card, picture by picture."""
    for one in sets:
        scores = defect_scores(one.int8_logits, manifest.defective_indices, manifest.output)
        right = float(np.mean((scores >= 0.5) == one.defective))
        told = manifest.metrics[f"{one.name}_int8_accuracy"]
        count = manifest.metrics[f"{one.name}_pictures"]
        sys.stdout.write(f"{one.name}: {len(scores)} pictures, {right:.4%} right\n")
        if len(scores) != count or abs(right - told) > 1e-9:
            sys.exit(f"the bundle says {count:.0f} pictures and {told:.4%}: this is other data")


def new_card(card: bytes, manifest: Manifest, text: str) -> bytes:
    """Return card.json with the reference, version and release."""
    facts = json.loads(card) | {
        "version": manifest.version,
        "release": manifest.release,
        "reference": text,
    }
    return (json.dumps(facts, indent=1, allow_nan=False) + "\n").encode("ascii")


def new_page(page: str, before: Manifest, after: Manifest, text: str) -> bytes:
    """Return card.html with the same; ends where the page is not as it is made today."""
    release = "<tr><th>release</th><td>{}</td></tr>"
    note = "<tr><th>note</th>"
    row = f"<tr><th>drift is held against</th><td>{escape(text)}</td></tr>"
    for old, new, times in (
        (f"{before.name} {before.version}<", f"{after.name} {after.version}<", 2),
        (release.format(before.release), release.format(after.release), 1),
        (note, row + note, 1),
    ):
        if page.count(old) != times:
            sys.exit(f"the card has {old!r} {page.count(old)} times, not {times}")
        page = page.replace(old, new)
    return page.encode()


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), sys.argv[5])
