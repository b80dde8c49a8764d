"""Audits made by hand, without a file: pictures with given figures, labels, sides and parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from training.audit.audit import Audit
from training.audit.copies import Copies, find_copies
from training.audit.files import Scan, SeenPicture, Unreadable
from training.audit.measures import Content
from training.audit.oddities import find_oddities
from training.audit.part_findings import count_labels, find_contradictions, measure_leaks
from training.audit.parts import Control, Link
from training.audit.trivial import measure_trivial

PLAIN = Content(
    height=300, width=300, mode="JPEG gray", turned=False, coarseness=20.0, brightness=120.0,
    contrast=50.0, sharpness=7.0, noise=1.0, border=90.0, colour=0.0, thumb=b"", bits=b"",
)  # fmt: skip


def some_content(seed: int, **changes: object) -> Content:
    """Return figures around the usual ones, with a thumbnail and a hash of their own."""
    random = np.random.default_rng(seed)
    around = {
        name: float(getattr(PLAIN, name) * random.normal(1, 0.02))
        for name in ("brightness", "contrast", "sharpness", "noise", "border")
    }
    thumb = random.integers(0, 255, 1024, np.uint8).tobytes()
    bits = random.integers(0, 255, 32, np.uint8).tobytes()
    return replace(PLAIN, **(around | {"thumb": thumb, "bits": bits} | changes))


def some_picture(
    number: int, label: str = "bad", side: str = "", sha: str = "", **changes: object
) -> SeenPicture:
    """Return a picture whose contents are its number's, unless `sha` says whose."""
    name = f"{side}/{label}/{number:04d}.jpeg".lstrip("/")
    file_bytes = 9000 + number % 7
    return SeenPicture(
        name, label, side, sha or f"{number:064x}", file_bytes, some_content(number, **changes)
    )


def made_audit(
    pictures: Sequence[SeenPicture],
    part_of: Sequence[int],
    *,
    links: Sequence[Link] = (),
    control: Control | None = None,
    copies: Copies | None = None,
    unreadable: Sequence[Unreadable] = (),
    other_files: int = 0,
    root: Path = Path("parts"),
) -> Audit:
    """Return the audit of pictures that are one part as `part_of` says; `bad` is defective."""
    labels = tuple(sorted({each.label for each in pictures}))
    scan = Scan(root, labels, tuple(pictures), tuple(unreadable), other_files)
    found = find_copies(scan) if copies is None else copies
    truth = np.array([each.label == "bad" for each in pictures])
    return Audit(
        scan=scan,
        defective=("bad",),
        part_of=tuple(part_of),
        links=tuple(links),
        control=control or Control(100, 0, 0),
        labels=count_labels(pictures, part_of, ("bad",)),
        copies=found,
        oddities=find_oddities(pictures),
        contradictions=find_contradictions(pictures, part_of, links),
        leaks=measure_leaks(pictures, part_of, found),
        trivial=measure_trivial(pictures, truth, part_of),
    )


def spotless_audit() -> Audit:
    """Return an audit of many parts, one picture each, that finds nothing to complain of."""
    pictures = [some_picture(number, ("bad", "ok")[number % 2]) for number in range(240)]
    return made_audit(pictures, range(240))
