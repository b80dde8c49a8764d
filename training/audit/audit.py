"""Looks at a folder of pictures before anybody trains on it: copies, leaks, odd and wrong ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.audit.cache import AuditCache
from training.audit.copies import Copies, find_copies
from training.audit.files import Scan, count_files, scan_folder
from training.audit.oddities import Oddity, find_oddities
from training.audit.part_findings import (
    Contradiction,
    LabelCount,
    LeakRow,
    count_labels,
    find_contradictions,
    measure_leaks,
)
from training.audit.parts import STEPS, Control, Link, PartGroups, group_parts
from training.audit.trivial import TrivialReport, measure_trivial
from training.dataset import class_folders, guess_defective
from training.pictures import load_picture

Frames = Callable[[int], NDArray[np.uint8]]
Grouping = Callable[[Frames, Sequence[str], Callable[[int], None]], PartGroups]

# One of the grouping's steps costs a picture some ten times what measuring it does.
_STEP_WORK = 10


class Progress(Protocol):
    """Shows how far the work is."""

    def begin(self, total: int) -> None:
        """Set the units of all work."""

    def step(self, name: str) -> None:
        """Say what is done now."""

    def advance(self, units: int) -> None:
        """Count units of work."""


@dataclass(frozen=True, slots=True)
class Audit:
    """Everything an audit found. Numbers of pictures are places in `scan.pictures`.

    Links are between such places; only one of byte-identical pictures takes part in them.
    """

    scan: Scan
    defective: tuple[str, ...]
    part_of: tuple[int, ...]
    links: tuple[Link, ...]
    control: Control
    labels: tuple[LabelCount, ...]
    copies: Copies
    oddities: tuple[Oddity, ...]
    contradictions: tuple[Contradiction, ...]
    leaks: tuple[LeakRow, ...]
    trivial: TrivialReport

    @property
    def unconfirmed_near(self) -> int:
        """Return how many near-duplicates the local features do not find to be one part."""
        return sum(self.part_of[a.first] != self.part_of[a.second] for a in self.copies.near)


def audit_folder(
    root: Path,
    progress: Progress,
    *,
    defective: str | None = None,
    cache: AuditCache | None = None,
    group: Grouping = group_parts,
) -> Audit:
    """Audit a data folder: train/ and test/, or a folder a class. Raises DataError."""
    kept = AuditCache(None) if cache is None else cache
    bad = guess_defective(tuple(sorted(class_folders(root, "all"))), defective)
    files = count_files(root)
    progress.begin(files * (1 + STEPS * _STEP_WORK))
    progress.step("measuring")
    scan = scan_folder(root, kept, progress.advance)
    progress.step("looking for copies")
    copies, oddities = find_copies(scan), find_oddities(scan.pictures)
    progress.step("grouping by part")
    counter = _Counter(progress, files * STEPS * _STEP_WORK)
    groups = _group_contents(scan, kept, counter, group)
    counter.finish()
    part_of, links = _spread(scan, groups)
    progress.step("trying trivial figures")
    truth = np.array([each.label in bad for each in scan.pictures], np.bool_)
    return Audit(
        scan=scan,
        defective=bad,
        part_of=part_of,
        links=links,
        control=groups.control,
        labels=count_labels(scan.pictures, part_of, bad),
        copies=copies,
        oddities=oddities,
        contradictions=find_contradictions(scan.pictures, part_of, links),
        leaks=measure_leaks(scan.pictures, part_of, copies),
        trivial=measure_trivial(scan.pictures, truth, part_of),
    )


class _Counter:
    """Passes the grouping's steps on, and what it spared at the end: copies, a cached answer."""

    def __init__(self, progress: Progress, units: int) -> None:
        self._progress, self._left = progress, units

    def advance(self, steps: int) -> None:
        """Count steps of pictures."""
        self._left -= steps * _STEP_WORK
        self._progress.advance(steps * _STEP_WORK)

    def finish(self) -> None:
        """Count the rest."""
        self._progress.advance(self._left)


def _group_contents(
    scan: Scan, cache: AuditCache, counter: _Counter, group: Grouping
) -> PartGroups:
    """Group one picture of each content, in an order that names and folders do not change."""
    chosen = [scan.pictures[place] for place in scan.representatives()]
    hashes, labels = [each.sha256 for each in chosen], [each.label for each in chosen]
    known = cache.groups(hashes, labels)
    if known is not None:
        return known
    groups = group(
        lambda place: load_picture(scan.root / chosen[place].name),
        labels,
        counter.advance,
    )
    cache.keep_groups(hashes, labels, groups)
    return groups


def _spread(scan: Scan, groups: PartGroups) -> tuple[tuple[int, ...], tuple[Link, ...]]:
    """Return parts and links by place in the scan, parts numbered by first appearance there."""
    chosen = scan.representatives()
    part_of_hash = {
        scan.pictures[place].sha256: part
        for place, part in zip(chosen, groups.part_of, strict=True)
    }
    numbers: dict[int, int] = {}
    part_of = tuple(
        numbers.setdefault(part_of_hash[each.sha256], len(numbers)) for each in scan.pictures
    )
    links = tuple(
        replace(link, first=chosen[link.first], second=chosen[link.second]) for link in groups.links
    )
    return part_of, links
